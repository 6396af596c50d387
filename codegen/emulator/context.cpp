// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/context.h"

#include <cstdint>

#if defined(__x86_64__)

// System V ABI, 3.2.1: a call preserves rbx, rbp and r12 to r15. The mode bits of mxcsr, which it
// preserves too, are the same on all stacks here.
asm(R"(
.text
.hidden convwright_switch_stack
.globl convwright_switch_stack
.type convwright_switch_stack, @function
convwright_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size convwright_switch_stack, . - convwright_switch_stack
)");
extern "C" void convwright_switch_stack(void **from, void *to);

namespace convwright::emulator {

void make_context(Context &context, void *stack, size_t bytes, void (*entry)()) {
    // What the first switch pops: six registers of zero (rbp = 0 ends backtraces) and the entry,
    // behind which the stack is as after a call: 8 bytes off a multiple of 16.
    void **top = reinterpret_cast<void **>(static_cast<char *>(stack) + bytes) - 8;
    for (int i = 0; i < 8; ++i) top[i] = nullptr;
    top[6] = reinterpret_cast<void *>(entry);
    context.stack_pointer = top;
}

void switch_context(Context &from, Context &to) {
    convwright_switch_stack(&from.stack_pointer, to.stack_pointer);
}

}  // namespace convwright::emulator

#else

namespace convwright::emulator {

void make_context(Context &context, void *stack, size_t bytes, void (*entry)()) {
    getcontext(&context.registers);
    context.registers.uc_stack.ss_sp = stack;
    context.registers.uc_stack.ss_size = bytes;
    context.registers.uc_link = nullptr;
    makecontext(&context.registers, entry, 0);
}

void switch_context(Context &from, Context &to) { swapcontext(&from.registers, &to.registers); }

}  // namespace convwright::emulator

#endif
