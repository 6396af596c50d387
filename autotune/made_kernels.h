// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "autotune/make_candidate.h"

namespace convwright {

/// The kernels of one run of the tuner, each made once: problems of a network ask for the same ones, and a kernel with
/// sizes at run time does not depend on the problem.
class MadeKernels {
public:
    /// make_kernel(), or what it said of the same kernel before. If it is to be made, those of `ahead` that were not
    /// made before are made at the same time. That one could not be made for another reason than the kernel itself is
    /// said once, at its own turn, and then tried again.
    std::optional<Result> make(MeasureJob &job, const std::vector<MeasureJob> &ahead,
                               const Making &making);

    bool has(const MeasureJob &job) const;

private:
    struct Made {
        std::optional<Result> failure;
        MeasureJob job;
    };
    std::optional<Result> make_one(MeasureJob &job, const Making &making, bool ahead);

    mutable std::mutex mutex_;
    std::map<std::string, Made> made_;  ///< By symbol.
};

}  // namespace convwright
