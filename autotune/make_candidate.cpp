// SPDX-License-Identifier: Apache-2.0
#include "autotune/make_candidate.h"

#include "autotune/compile_cuda_kernel.h"
#include "autotune/instrumented.h"
#include "autotune/making_folder.h"
#include "autotune/space.h"

namespace convwright {
namespace {

template<typename Kernel>
std::string name_of(const Kernel *kernel) {
    return kernel == nullptr ? "" : kernel->name;
}

std::string shipped_name(const MeasureJob &job) {
    const bool wgrad = job.problem.direction == Direction::kWgrad;
    if (job.on_gpu() && job.whole().bytes())
        return name_of(cuda::shipped_kernel(cuda::byte_kernels(), *job.made_cuda));
    if (job.on_gpu() && !job.product.empty())
        return name_of(cuda::shipped_kernel(cuda::product_kernels(), *job.made_cuda));
    if (job.on_gpu() && job.whole().is_fused_gradients())
        return name_of(cuda::shipped_kernel(cuda::weighted_sum_grad_kernels(), *job.made_cuda));
    if (job.on_gpu() && job.op == Operator::kWeightedSum)
        return name_of(cuda::shipped_kernel(cuda::weighted_sum_kernels(), *job.made_cuda));
    if (job.on_gpu())
        return wgrad ? name_of(cuda::shipped_kernel(cuda::wgrad_kernels(), *job.made_cuda))
                     : name_of(cuda::shipped_kernel(cuda::conv_kernels(), *job.made_cuda));
    if (job.op == Operator::kWeightedSum)
        return name_of(shipped_kernel(weighted_sum_kernels(), job.made));
    if (!job.product.empty()) return name_of(shipped_kernel(product_kernels(), job.made));
    return wgrad ? name_of(shipped_kernel(wgrad_kernels(), job.made))
                 : name_of(shipped_kernel(conv_kernels(), job.made));
}

Result not_made(const NotMade &why, const Making &making) {
    require_space(making.kernels);
    return failed_result(why.timeout ? Outcome::kBuildTimeout : Outcome::kBuildFailed, why.why);
}

}  // namespace

Result failed_result(Outcome outcome, const std::string &reason) {
    Result result;
    result.outcome = outcome;
    result.reason = reason;
    return result;
}

bool has_job(const OperatorProblem &problem, const std::string &candidate) {
    return !is_algorithm(candidate) || (problem.is_fused_gradients() && candidate == kUnfusedKind);
}

std::variant<MeasureJob, Result> job_of(const OperatorProblem &problem, int phase,
                                        const std::string &candidate) {
    MeasureJob job;
    job.problem = problem.sizes;
    job.op = problem.op;
    job.product = problem.product;
    job.phase = phase;
    if (is_algorithm(candidate) && has_job(problem, candidate)) {
        job.shipped = candidate;
        job.made_cuda.emplace();
        return job;
    }
    job.made_cuda = cuda::parse_candidate(problem, candidate);
    const std::optional<LoadableKernel> wanted = parse_candidate(problem, candidate);
    if (!wanted && !job.made_cuda)
        return failed_result(Outcome::kBuildFailed, "'" + candidate + "' is no candidate of " +
                                                        format_problem(problem) + ".");
    if (wanted) job.made = *wanted;
    try {
        job.shipped = shipped_name(job);
    } catch (const std::invalid_argument &error) {  // of an older version's database
        return failed_result(Outcome::kBuildFailed, error.what());
    }
    return job;
}

std::optional<Result> make_kernel(MeasureJob &job, const Making &making) {
    if (job.on_gpu()) {
        auto made = compile_cuda_kernel(making.tools, *job.made_cuda, making.kernels, making.limits,
                                        making.architecture);
        if (const auto *why = std::get_if<NotMade>(&made)) return not_made(*why, making);
        const auto &kernel = std::get<MadeCudaKernel>(made);
        const std::string why = why_not_worth_measuring(kernel.figures, making.architecture);
        if (!why.empty()) return failed_result(Outcome::kRejected, why);
        job.made_cuda = kernel.kernel;
        return std::nullopt;
    }
    auto made = compile_kernel(making.tools, job.made, making.kernels, making.limits);
    if (const auto *why = std::get_if<NotMade>(&made)) return not_made(*why, making);
    const auto &kernel = std::get<MadeKernel>(made);
    // What an instrumented kernel spills is not its schedule's doing.
    if (!kInstrumented && kernel.spills > 0)
        return failed_result(Outcome::kRejected,
                             "Its innermost loops keep " + std::to_string(kernel.spills) +
                                 " values in memory that should be in registers.");
    job.made = kernel.kernel;
    return std::nullopt;
}

}  // namespace convwright
