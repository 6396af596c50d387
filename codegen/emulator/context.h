// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace convwright::emulator {

/// Where a suspended stack goes on. On x86-64 its registers lie on that stack and switching costs
/// some ten instructions; elsewhere it is a ucontext, whose switch asks the kernel for the signal
/// mask.
struct Context {
#if defined(__x86_64__)
    void *stack_pointer = nullptr;
#else
    ucontext_t registers;
#endif
};

/// Lets the first switch to `context` call `entry` on this stack. `entry` never returns.
void make_context(Context &context, void *stack, size_t bytes, void (*entry)());

/// Goes on at `to`; returns when something switches to `from`.
void switch_context(Context &from, Context &to);

}  // namespace convwright::emulator
