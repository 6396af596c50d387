// SPDX-License-Identifier: Apache-2.0
#include <torch/csrc/stable/library.h>

#include "runtime/call_context.h"
#include "torch_ops/csrc/threads.h"

namespace convwright {
namespace {

struct Job {
    void (*body)(void *);
    void *closure;
};

/// One index for each worker: at::parallel_for gives each of its threads one, and runs all of them
/// one after the other inside another parallel region. The C call, because the C++ wrapper throws
/// and nothing may throw through Halide's frames.
void run(int64_t workers, void (*body)(void *), void *closure) {
    Job job{body, closure};
    const auto failed = torch_parallel_for(
        0, workers, /*grain_size=*/1,
        [](int64_t, int64_t, void *pointer) {
            const Job &job = *static_cast<Job *>(pointer);
            job.body(job.closure);
        },
        &job);
    // The iterations are handed out by a counter, so whoever runs the body does what is left.
    if (failed) body(closure);
}

int64_t workers() {
    uint32_t count = 1;
    return torch_get_num_threads(&count) ? 1 : count;
}

}  // namespace

void use_torch_threads() { set_parallel_run(run, workers); }

}  // namespace convwright
