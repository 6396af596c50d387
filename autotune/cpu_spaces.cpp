// SPDX-License-Identifier: Apache-2.0
#include "autotune/cpu_spaces.h"

#include <stdexcept>

#include "runtime/cost_model.h"
#include "runtime/in_quotes.h"
#include "runtime/multipliers/product_words.h"
#include "runtime/weighted_sum_passes.h"
#include "runtime/wgrad_pass.h"
#include "schedules/product_knobs.h"

namespace convwright {
namespace {

std::string kind_name(const char *generator, Isa isa) {
    return std::string(generator) + "." + isa_name(isa);
}

/// Bias and ReLU are arguments of every kernel: they change neither space nor ranking, but PyTorch's time.
SpaceKind conv_kind(const ConvProblem &problem, const ConvPass &pass, Isa isa) {
    return params_kind<Conv2dCpuParams>(
        kind_name("conv2d", isa),
        [=](const Conv2dCpuParams &p) {
            const char *why = p.why_illegal(pass, problem.format, isa);
            return why != nullptr ? why : p.why_not_stored(problem.dtype);
        },
        [=](const Conv2dCpuParams &p) { return predicted_cycles(p, pass, problem.format, isa); });
}

SpaceKind wgrad_kind(const ConvProblem &problem, Isa isa) {
    return params_kind<Conv2dWgradCpuParams>(
        kind_name("conv2d_wgrad", isa),
        [=](const Conv2dWgradCpuParams &p) { return p.why_illegal(problem, isa); },
        [=](const Conv2dWgradCpuParams &p) { return predicted_cycles(p, problem, isa); });
}

SpaceKind product_kind(const std::string &product, const ConvPass &pass, Isa isa) {
    const int words = product_weight_words(product);
    return params_kind<Conv2dCpuParams>(
        kind_name("approx_conv2d", isa),
        [=](const Conv2dCpuParams &p) { return why_no_product_schedule(p, words, isa); },
        [=](const Conv2dCpuParams &p) { return predicted_product_cycles(p, pass, isa); },
        product_knobs());
}

[[noreturn]] void refuse(const OperatorProblem &problem, const std::string &why) {
    throw std::invalid_argument("problem '" + format_problem(problem) + "': " + why + ".");
}

}  // namespace

std::vector<SpaceKind> plain_space_kinds(const OperatorProblem &problem, int phase) {
    std::vector<SpaceKind> kinds;
    for (const std::string &name : plain_kinds(problem, phase)) kinds.push_back(plain_kind(name));
    return kinds;
}

const char *why_not_on_cpus(const OperatorProblem &problem) {
    if (!problem.bytes()) return nullptr;
    return "CPUs compute 8-bit products by engines that have no schedules to choose from; "
           "`convwright-tune search --device cuda` searches those of a GPU";
}

Space conv_cpu_space(const OperatorProblem &problem, int phase, const std::vector<Isa> &isas) {
    const ConvProblem &sizes = problem.sizes;
    if (const char *why = why_not_on_cpus(problem)) refuse(problem, why);
    if (const char *why = why_too_large(sizes)) refuse(problem, why);
    const std::vector<ConvPass> passes = product_passes(sizes);
    const int count = static_cast<int>(passes.size());
    if (phase < 0 || phase >= count) {
        refuse(problem, "there is no pass " + std::to_string(phase) + ", the last one is " +
                            std::to_string(count - 1));
    }
    if (passes[phase].taps() == 0) refuse(problem, "no tap reaches this pass");
    std::vector<SpaceKind> kinds;
    if (count == 1) kinds = plain_space_kinds(problem, phase);
    for (const Isa isa : isas) {
        kinds.push_back(!problem.product.empty() ? product_kind(problem.product, passes[phase], isa)
                        : sizes.direction == Direction::kWgrad
                            ? wgrad_kind(sizes, isa)
                            : conv_kind(sizes, passes[phase], isa));
    }
    return Space({format_problem(problem), phase}, std::move(kinds));
}

Space weighted_sum_cpu_space(const ConvProblem &problem, const std::vector<Isa> &isas) {
    if (problem.direction != Direction::kFprop || problem.groups != 1) {
        refuse(problem, "a weighted sum is fprop with one group");
    }
    if (const char *why = why_not_mixed(problem)) refuse(problem, why);
    const WeightedSumPasses passes = weighted_sum_passes(problem);
    const OperatorProblem sum(problem, Operator::kWeightedSum);
    std::vector<SpaceKind> kinds = plain_space_kinds(sum, 0);
    for (const Isa isa : isas) {
        kinds.push_back(params_kind<WeightedSumCpuParams>(
            kind_name("weighted_sum", isa),
            [=](const WeightedSumCpuParams &p) {
                if (const char *why = why_not_fused(problem, passes)) return why;
                return p.why_illegal(passes.mix, passes.window, isa);
            },
            [=](const WeightedSumCpuParams &p) { return predicted_cycles(p, passes, isa); }));
    }
    return Space({format_problem(sum), 0}, std::move(kinds));
}

Space kinds_space(const OperatorProblem &problem, int phase) {
    const ConvProblem &sizes = problem.sizes;
    if (const char *why = why_too_large(sizes)) refuse(problem, why);
    if (problem.op == Operator::kConv2d &&
        (sizes.direction == Direction::kWgrad || conv_passes(sizes).size() == 1))
        refuse(problem, "it has one pass");
    if (!problem.product.empty())
        refuse(problem, "nothing but its passes' kernels computes an approximate product");
    return Space({format_problem(problem), phase}, plain_space_kinds(problem, phase));
}

Space cpu_space(const OperatorProblem &problem, int phase, const std::vector<Isa> &isas) {
    if (problem.is_fused_gradients()) refuse(problem, "its kernels are for GPUs alone");
    if (phase == kWholeProblem || problem.step || problem.op == Operator::kDepthwiseSeparable)
        return kinds_space(problem, phase);
    return problem.op == Operator::kWeightedSum ? weighted_sum_cpu_space(problem.sizes, isas)
                                                : conv_cpu_space(problem, phase, isas);
}

std::optional<std::string> why_no_subject(const std::string &text) {
    try {
        const std::string usual = format_problem(parse_operator_problem(text));
        if (usual == text) return std::nullopt;
        return "problem " + in_quotes(text) + ": its usual form is '" + usual + "'; write it so.";
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
}

}  // namespace convwright
