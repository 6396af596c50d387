// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/compile_kernel.h"
#include "autotune/measure.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// What making candidates needs.
struct Making {
    KernelTools tools;
    std::string kernels;   ///< Folder of the kernels that are made.
    int architecture = 0;  ///< Of the GPU; 0: candidates are for CPUs.
    ProcessLimits limits{60, 60, int64_t{4} << 30};
};

/// Whether a candidate is timed by a worker process as a job: all with knobs are and, of a weighted sum's gradients, the two
/// passes. Others are timed through the operators.
bool has_job(const OperatorProblem &problem, const std::string &candidate);

/// A job without timing for a candidate that has one: the library's kernel where it has that one, else one that is still
/// to be made, without files. A result where the text is no candidate of the problem.
std::variant<MeasureJob, Result> job_of(const OperatorProblem &problem, int phase,
                                        const std::string &candidate);

/// Makes the kernel of a job that has none: the same path for searches here, and for jobs that are measured
/// elsewhere. Nothing, or why it will not be measured: it could not be made, or is not worth it. Throws
/// std::runtime_error, one sentence, where the disk is full, or a program cannot be started.
std::optional<Result> make_kernel(MeasureJob &job, const Making &making);

/// A result without times.
Result failed_result(Outcome outcome, const std::string &reason);

}  // namespace convwright
