// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
static void __sanitizer_start_switch_fiber(void **, const void *, size_t) {}
static void __sanitizer_finish_switch_fiber(void *, const void **, size_t *) {}
static void __asan_unpoison_memory_region(const void *, size_t) {}
#endif

namespace convwright::emulator {
namespace {

Fiber *entered = nullptr;  // whose first resume() is under way

size_t page_bytes() {
    static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

}  // namespace

Fiber::Fiber() {
    // Stacks lie at multiples of a page: without different distances from their ends, the frames of
    // all threads would share a few sets of the caches.
    static size_t count = 0;
    colour_ = count++ % 61 * 64;
    void *mapping = mmap(nullptr, page_bytes() + kStackBytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<char *>(mapping);
    mprotect(mapping_, page_bytes(), PROT_NONE);
}

Fiber::~Fiber() {
    __asan_unpoison_memory_region(mapping_ + page_bytes(), kStackBytes);
    munmap(mapping_, page_bytes() + kStackBytes);
}

void Fiber::start(Entry entry, void *argument) {
    char *stack = mapping_ + page_bytes();
    // Frames that were left for good still have their redzones.
    if (!finished_) __asan_unpoison_memory_region(stack, kStackBytes);
    entry_ = entry;
    argument_ = argument;
    finished_ = false;
    make_context(own_, stack, kStackBytes - colour_, &Fiber::enter);
    fake_stack_ = nullptr;
}

void Fiber::resume() {
    void *fake_stack = nullptr;
    entered = this;
    __sanitizer_start_switch_fiber(&fake_stack, mapping_ + page_bytes(), kStackBytes);
    switch_context(resumer_, own_);
    __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
}

void Fiber::suspend() {
    __sanitizer_start_switch_fiber(&fake_stack_, resumer_stack_, resumer_bytes_);
    switch_context(own_, resumer_);
    __sanitizer_finish_switch_fiber(fake_stack_, &resumer_stack_, &resumer_bytes_);
}

void Fiber::enter() {
    Fiber *fiber = entered;
    __sanitizer_finish_switch_fiber(nullptr, &fiber->resumer_stack_, &fiber->resumer_bytes_);
    fiber->entry_(fiber->argument_);
    fiber->finished_ = true;
    __sanitizer_start_switch_fiber(nullptr, fiber->resumer_stack_, fiber->resumer_bytes_);
    switch_context(fiber->own_, fiber->resumer_);
    __builtin_unreachable();
}

}  // namespace convwright::emulator
