// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/measure.h"
#include "autotune/verify/why_wrong.h"

namespace convwright {

/// The candidate of a job as calls; of several passes the other ones are the library's choice. Throws
/// std::runtime_error where its kernel cannot be loaded.
CallMaker maker_of(const MeasureJob &job);

/// What runs for the job's problem without tuning; for the gradients of a weighted sum the two passes, which fused kernels
/// have to beat. Throws std::runtime_error where nothing does.
KernelCall untuned_call(const MeasureJob &job);

/// Both for jobs of GPUs, whose driver must be there.
CallMaker gpu_maker_of(const MeasureJob &job);
KernelCall untuned_gpu_call(const MeasureJob &job);

/// The kernel called `name` or, where there is none, what `load` gives. Throws std::runtime_error with why it gives
/// none.
template<typename Kernel, typename Load>
const Kernel &kernel_named(const std::string &name, const std::vector<Kernel> &shipped, Load load) {
    for (const Kernel &kernel : shipped)
        if (kernel.name == name) return kernel;
    const auto loaded = load();
    if (const auto *why = std::get_if<std::string>(&loaded)) throw std::runtime_error(*why);
    return *std::get<const Kernel *>(loaded);
}

}  // namespace convwright
