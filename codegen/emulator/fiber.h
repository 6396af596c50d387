// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "codegen/emulator/context.h"

namespace convwright::emulator {

/// A function that runs on a stack of its own and can be left in its middle. Switches are announced
/// to the address sanitizer. All fibers are resumed by one operating system thread.
class Fiber {
public:
    using Entry = void (*)(void *argument);
    static constexpr size_t kStackBytes = 256 << 10;  ///< Below it lies a page no one may touch.

    Fiber();  ///< Throws std::bad_alloc if there is no memory for the stack.
    ~Fiber();
    Fiber(const Fiber &) = delete;
    Fiber &operator=(const Fiber &) = delete;

    /// The first resume() calls entry(argument). What ran before and was left in its middle is
    /// forgotten, without its destructors.
    void start(Entry entry, void *argument);
    void resume();   ///< Returns when the fiber suspends or ends.
    void suspend();  ///< Called on the fiber: returns at the next resume().
    bool finished() const { return finished_; }

private:
    [[noreturn]] static void enter();

    char *mapping_;  ///< Guard page, then the stack.
    size_t colour_;  ///< Bytes at the end of the stack that are left free.
    Context own_, resumer_;
    Entry entry_ = nullptr;
    void *argument_ = nullptr;
    bool finished_ = true;
    // What the sanitizer wants to hear at each switch: the fake stack that is left, and the stack
    // that is gone to.
    void *fake_stack_ = nullptr;
    const void *resumer_stack_ = nullptr;
    size_t resumer_bytes_ = 0;
};

}  // namespace convwright::emulator
