// SPDX-License-Identifier: Apache-2.0
#include "autotune/openmp_threads.h"

#include <atomic>
#include <cstdint>

#include "runtime/call_context.h"

namespace convwright {
namespace {

std::atomic<int> threads{1};

}  // namespace

void use_openmp_threads(int count) {
    threads = count;
    set_parallel_run(
        [](int64_t workers, void (*body)(void *), void *closure) {
#pragma omp parallel num_threads(static_cast <int>(workers))
            body(closure);
        },
        [] { return int64_t{threads}; });
}

}  // namespace convwright
