// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>

#include "autotune/compile_kernel.h"
#include "autotune/evaluator.h"
#include "autotune/measure.h"

namespace convwright {

/// What trials on this CPU need beside the candidates.
struct CpuTrials {
    KernelTools tools;
    std::string kernels;              ///< Folder of the kernels that are made.
    std::vector<std::string> worker;  ///< As of measure_apart().
    /// Command of a Python process that times candidates and PyTorch side by side through the operators
    /// (convwright._compare); empty: there is no PyTorch to compare with.
    std::vector<std::string> python;
    TimingPlan screening;  ///< Of each trial.
    TimingPlan finals;     ///< Of compare().
    ProcessLimits compiling{60, 60, int64_t{4} << 30};
    ProcessLimits measuring{120, 0, 0};
};

/// Candidates of one pass of a problem: made where the library has no such kernel, verified and timed each
/// in a process of its own, one at a time.
class CpuEvaluator : public Evaluator {
public:
    CpuEvaluator(const ConvProblem &problem, int phase, CpuTrials trials);

    Result evaluate(const std::string &candidate) override;
    std::vector<FinalTime> compare(const std::vector<FinalTime> &contestants) override;

private:
    Result evaluate_pytorch();
    /// Fills in times that a Python process measures; false if it failed.
    bool ask_python(std::vector<FinalTime> &times);
    std::variant<MeasureJob, Result> job_for(const std::string &candidate);

    ConvProblem problem_;
    int phase_;
    CpuTrials trials_;
    std::map<std::string, std::string> artifacts_;  ///< By candidate.
    std::string python_failure_ = ".";              ///< The end of a sentence.
};

}  // namespace convwright
