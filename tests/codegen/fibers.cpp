// SPDX-License-Identifier: Apache-2.0
#include "tests/codegen/fibers.h"

#include <ucontext.h>

#include <cstring>
#include <memory>
#include <vector>

Index3 threadIdx, blockIdx;

namespace {

constexpr size_t kStackBytes = 64 * 1024;

struct Copy {
    void *to;
    const void *from;
    int bytes, source_bytes;
};

struct Fiber {
    std::vector<Copy> copies;
    ucontext_t context;
    Index3 index;
    bool done = false;
    std::unique_ptr<char[]> stack{new char[kStackBytes]};
};

ucontext_t scheduler;
Fiber *current;
void (*body)(void *const *);
void *const *body_arguments;

void enter() {
    body(body_arguments);
    current->done = true;
}

}  // namespace

void __syncthreads() { swapcontext(&current->context, &scheduler); }

void copy_later(void *to, const void *from, int bytes, int source_bytes) {
    current->copies.push_back({to, from, bytes, source_bytes});
}

void cp_async_commit() {}

void copies_arrive() {
    for (const Copy &c : current->copies) {
        std::memset(c.to, 0, c.bytes);
        std::memcpy(c.to, c.from, c.source_bytes);
    }
    current->copies.clear();
}

unsigned char *dynamic_shared() {
    alignas(16) static unsigned char bytes[227 * 1024];
    return bytes;
}

namespace convwright {

void run_fibers(void (*kernel)(void *const *), void *const *arguments, const int32_t grid[3],
                const int32_t block[3], bool reversed) {
    body = kernel;
    body_arguments = arguments;
    const int threads = block[0] * block[1] * block[2];
    std::vector<Fiber> fibers(threads);
    for (int b = 0; b < grid[0] * grid[1] * grid[2]; ++b) {
        blockIdx = {b % grid[0], b / grid[0] % grid[1], b / grid[0] / grid[1]};
        for (int t = 0; t < threads; ++t) {
            Fiber &f = fibers[t];
            f.index = {t % block[0], t / block[0] % block[1], t / block[0] / block[1]};
            f.done = false;
            f.copies.clear();
            getcontext(&f.context);
            f.context.uc_stack.ss_sp = f.stack.get();
            f.context.uc_stack.ss_size = kStackBytes;
            f.context.uc_link = &scheduler;
            makecontext(&f.context, enter, 0);
        }
        for (bool running = true; running;) {
            running = false;
            for (int i = 0; i < threads; ++i) {
                current = &fibers[reversed ? threads - 1 - i : i];
                if (current->done) continue;
                running = true;
                threadIdx = current->index;
                swapcontext(&scheduler, &current->context);
            }
        }
    }
}

}  // namespace convwright
