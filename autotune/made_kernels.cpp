// SPDX-License-Identifier: Apache-2.0
#include "autotune/made_kernels.h"

#include <future>
#include <set>

namespace convwright {
namespace {

std::string symbol_of(const MeasureJob &job) {
    return job.on_gpu() ? cuda::kernel_symbol(*job.made_cuda) : kernel_symbol(job.made);
}

/// Whether it is a failure that the machine may do better the next time.
bool may_pass(const std::optional<Result> &failure) {
    return failure && failure->outcome != Outcome::kRejected;
}

}  // namespace

std::optional<Result> MadeKernels::make(MeasureJob &job, const std::vector<MeasureJob> &ahead,
                                        const Making &making) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto known = made_.find(symbol_of(job)); known != made_.end()) {
            job.made = known->second.job.made;
            job.made_cuda = known->second.job.made_cuda;
            const std::optional<Result> failure = known->second.failure;
            if (may_pass(failure)) made_.erase(known);
            return failure;
        }
    }
    std::set<std::string> begun{symbol_of(job)};
    std::vector<std::future<void>> others;
    for (const MeasureJob &other : ahead) {
        if (has(other) || !begun.insert(symbol_of(other)).second) continue;
        others.push_back(std::async(std::launch::async, [this, copy = other, &making]() mutable {
            make_one(copy, making, /*ahead=*/true);
        }));
    }
    const std::optional<Result> failure = make_one(job, making, /*ahead=*/false);
    for (std::future<void> &other : others) other.get();
    return failure;
}

bool MadeKernels::has(const MeasureJob &job) const {
    const std::lock_guard lock(mutex_);
    return made_.contains(symbol_of(job));
}

std::optional<Result> MadeKernels::make_one(MeasureJob &job, const Making &making, bool ahead) {
    const std::string symbol = symbol_of(job);  // making adds to what it is made of
    const std::optional<Result> failure = make_kernel(job, making);
    // Asked of the machine again, but not at the kernel's own turn: that would take the time a second time.
    if (may_pass(failure) && !ahead) return failure;
    const std::lock_guard lock(mutex_);
    made_.insert_or_assign(symbol, Made{failure, job});
    return failure;
}

}  // namespace convwright
