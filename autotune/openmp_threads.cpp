// SPDX-License-Identifier: Apache-2.0
#include "autotune/openmp_threads.h"

#include <atomic>
#include <cstdint>

#include "runtime/call_context.h"
#include "runtime/new_threads.h"

namespace convwright {
namespace {

std::atomic<int> threads{1};

// OpenMP's pool is not compiled with the sanitizer, which would not see what its threads wait for.
#if defined(__SANITIZE_THREAD__)
constexpr auto run_on_pool = run_on_new_threads;
#else
void run_on_pool(int64_t workers, void (*body)(void *), void *closure) {
#pragma omp parallel num_threads(static_cast <int>(workers))
    body(closure);
}
#endif

}  // namespace

void use_openmp_threads(int count) {
    threads = count;
    set_parallel_run(run_on_pool, [] { return int64_t{threads}; });
}

}  // namespace convwright
