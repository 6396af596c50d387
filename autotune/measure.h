// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "autotune/outcome.h"
#include "autotune/run_process.h"
#include "autotune/timing.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/loaded_kernels.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// One candidate to be verified and measured on this machine, beside the kernels that the library would choose
/// without tuning.
struct MeasureJob {
    ConvProblem problem;
    /// kWeightedSum: the forward problem of a fused one, or its gradients.
    Operator op = Operator::kConv2d;
    std::string product = {};  ///< As of OperatorProblem.
    int phase = 0;  ///< The pass that the candidate computes; the others are the library's choice.
    bool dense = true;  ///< As in conv_plan().
    /// Name of a kernel of the library or, for gradients of a weighted sum, kUnfusedKind; empty for
    std::string shipped;
    LoadableKernel made;                                 ///< one in a shared object,
    std::optional<cuda::LoadableKernel> made_cuda = {};  ///< or one for a GPU
    int gpu = 0;                                         ///< of this number.
    TimingPlan timing;

    OperatorProblem whole() const {
        OperatorProblem whole(problem, op);
        whole.product = product;
        return whole;
    }
    bool on_gpu() const { return made_cuda.has_value(); }
    /// SHA-256 of the shared object that was made, on GPUs cuda::artifact_of(); empty where there is none.
    std::string artifact() const { return on_gpu() ? cuda::artifact_of(*made_cuda) : made.sha256; }
};

/// What came of it.
struct Measured {
    Result result;
    double untuned_seconds = 0;  ///< Of the library's own choice, in the same rounds.
    double cold_seconds = 0;     ///< Median with caches emptied; 0: not timed so.
    /// Seconds of each round, if the library's own choice had taken its median there: rounds of two processes can
    /// be compared so, whatever disturbed them.
    std::vector<double> rounds = {};
};

/// As JSON, for a worker process. parse_ throws std::invalid_argument with one sentence for what is no job.
std::string format_job(const MeasureJob &job);
MeasureJob parse_job(const std::string &json);
std::string format_measured(const Measured &measured);
Measured parse_measured(const std::string &json);

/// Does the job in this process, with the candidate's code in it.
Measured measure_here(const MeasureJob &job);

/// Does the job in a process of its own: `worker` is a command that reads a job from stdin and writes what
/// measure_here() returns to stdout. A candidate that crashes or hangs is an outcome like others. Throws
/// std::runtime_error, one sentence, if no process could be started.
Measured measure_apart(const std::vector<std::string> &worker, const MeasureJob &job,
                       const ProcessLimits &limits);

/// Of a process that does the job and may take so long: so much processor time as all its threads can have and, on the
/// CPU, memory by its tensors. A driver of GPUs reserves more addresses than there is memory.
ProcessLimits measuring_limits(const MeasureJob &job, double wall_seconds);

/// Largest spread() of samples that can be compared.
constexpr double kMostSpread = 0.25;

}  // namespace convwright
