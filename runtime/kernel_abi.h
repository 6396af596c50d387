// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a kernel that was compiled after the library asks of it. Such a kernel is a shared object
// without a Halide runtime: two of them in a process must never mix, and the library's own is hidden.
// The shim (kernel_shim.cpp) that is linked into the object forwards each of these functions to the
// table that the library hands over when it loads the object.

#include <cstddef>
#include <cstdint>

/// All functions that host code of kernels calls, Halide's runtime's and the launch of a CUDA kernel, by the name of the symbol. New
/// ones may stand anywhere: the table's version changes with the list.
#define CONVWRIGHT_KERNEL_IMPORTS(FUNCTION)                         \
    FUNCTION(convwright_cuda_launch)                                \
    FUNCTION(halide_do_par_for)                                     \
    FUNCTION(halide_error)                                          \
    FUNCTION(halide_error_access_out_of_bounds)                     \
    FUNCTION(halide_error_bad_dimensions)                           \
    FUNCTION(halide_error_bad_type)                                 \
    FUNCTION(halide_error_buffer_allocation_too_large)              \
    FUNCTION(halide_error_buffer_argument_is_null)                  \
    FUNCTION(halide_error_buffer_extents_negative)                  \
    FUNCTION(halide_error_buffer_extents_too_large)                 \
    FUNCTION(halide_error_constraint_violated)                      \
    FUNCTION(halide_error_constraints_make_required_region_smaller) \
    FUNCTION(halide_error_device_dirty_with_no_device_support)      \
    FUNCTION(halide_error_explicit_bounds_too_small)                \
    FUNCTION(halide_error_host_is_null)                             \
    FUNCTION(halide_error_out_of_memory)                            \
    FUNCTION(halide_error_split_factor_not_positive)                \
    FUNCTION(halide_error_unaligned_host_ptr)                       \
    FUNCTION(halide_free)                                           \
    FUNCTION(halide_malloc)

namespace convwright {

#define CONVWRIGHT_COUNT(name) +1
constexpr size_t kKernelImportCount = 0 CONVWRIGHT_KERNEL_IMPORTS(CONVWRIGHT_COUNT);
#undef CONVWRIGHT_COUNT

/// FNV-1a of the names in their order.
constexpr uint64_t kernel_abi_version() {
    uint64_t hash = 0xcbf29ce484222325;
    const char names[] =
#define CONVWRIGHT_NAME(name) #name "\n"
        CONVWRIGHT_KERNEL_IMPORTS(CONVWRIGHT_NAME);
#undef CONVWRIGHT_NAME
    for (const char c : names) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

/// The table: addresses in the order of the list.
struct KernelImports {
    uint64_t version;
    void *functions[kKernelImportCount];
};

/// What the shim exports: keeps the table's functions for the kernels of its object. 0, or 1 if the table
/// has another version than the shim, and nothing is kept. To be called once, before any kernel.
using BindKernelImports = int (*)(const KernelImports *);
inline constexpr char kBindKernelImports[] = "convwright_bind_kernel_imports";

}  // namespace convwright
