// SPDX-License-Identifier: Apache-2.0
// Linked into every shared object of kernels; see kernel_abi.h. Without libc and libstdc++, so that a
// linker alone makes the object.
#include "runtime/kernel_abi.h"

extern "C" {

__attribute__((
    visibility("hidden"))) void *convwright_kernel_imports[convwright::kKernelImportCount];

__attribute__((visibility("default"))) int convwright_bind_kernel_imports(
    const convwright::KernelImports *imports) {
    if (imports->version != convwright::kernel_abi_version()) return 1;
    for (size_t i = 0; i < convwright::kKernelImportCount; i++)
        convwright_kernel_imports[i] = imports->functions[i];
    return 0;
}

}  // extern "C"

// Each function is one jump through the table: arguments pass untouched, whatever their number.
asm(R"(
    .text
    .set convwright_slot, 0
    .macro convwright_import name
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    endbr64
    jmp *convwright_kernel_imports + convwright_slot(%rip)
    .size \name, . - \name
    .set convwright_slot, convwright_slot + 8
    .endm
)"
#define CONVWRIGHT_IMPORT(name) "    convwright_import " #name "\n"
    CONVWRIGHT_KERNEL_IMPORTS(CONVWRIGHT_IMPORT)
#undef CONVWRIGHT_IMPORT
);
