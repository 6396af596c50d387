// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/why_wrong.h"

#include <bit>
#include <cstring>
#include <numeric>

#include "autotune/verify/call_tensors.h"
#include "autotune/verify/weighted_sum_values.h"
#include "runtime/operator_problem.h"

namespace convwright {
namespace {

constexpr uint32_t kSeeds[] = {1, 2};
constexpr int kSamples = 256;

std::string number(float value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

/// What a call reads, and what defines its result: a convolution, two in a row, a multiplier in the stated order of sums,
/// or a table of 8-bit products.
struct Given {
    ConvValues values, definition;
    bool gradients;  ///< Of a weighted sum.
    std::shared_ptr<const ProductModel> model;
    std::shared_ptr<const ByteModel> bytes;

    Given(const KernelCall &call, uint32_t seed) : gradients(call.is_sum_gradients()) {
        const ConvProblem &p = call.problem;
        if (call.bytes) {
            bytes = byte_model(call.bytes->device.by(), seed);
            values = byte_values(p, seed);
            return;
        }
        if (call.model) {
            model = product_model(call.model->form.product, seed);
            values = product_values(p, model->form.product, seed, true);
            return;
        }
        const bool sum = call.is_weighted_sum();
        values = sum ? weighted_sum_values(p, seed) : integer_values(p, seed);
        if (!gradients) definition = sum ? composed(p, values) : values;
    }

    KernelCall by_model(const KernelCall &call) const {
        return bytes ? call.with(bytes) : model ? call.with(model) : call;
    }
    Values all(const ConvProblem &p) const {
        if (gradients) return sum_gradients(p, values);
        if (bytes) {
            std::vector<int64_t> numbers(static_cast<size_t>(p.n * p.co * p.oh() * p.ow()));
            std::iota(numbers.begin(), numbers.end(), 0);
            return some(p, numbers);
        }
        return model ? in_order(p, values, model->times) : naive_conv2d(p, definition);
    }
    Values some(const ConvProblem &p, const std::vector<int64_t> &numbers) const {
        if (gradients) return some_sum_gradients(p, values, numbers);
        if (bytes) return byte_sums(p, values, *bytes, numbers);
        return model ? results_in_order(p, values, model->times, numbers)
                     : naive_results(p, definition, numbers);
    }
    /// Exact results may be zeros of either sign, approximate ones NaN, but not the NaN of what was not written.
    bool equal(float is, float should_be) const {
        if (bytes) return std::bit_cast<int32_t>(is) == std::bit_cast<int32_t>(should_be);
        if (!model) return is == should_be;
        return same_float(is, should_be) && !GuardedFloats::untouched(is);
    }
    std::string name(const ConvProblem &p) const {
        OperatorProblem problem(p, gradients ? Operator::kWeightedSum : Operator::kConv2d);
        if (model) problem.product = model->form.product;
        if (bytes) problem.product = format_byte_product(bytes->device.by());
        return format_problem(problem);
    }
    std::string text(float result) const {
        return bytes ? std::to_string(std::bit_cast<int32_t>(result)) : number(result);
    }
    /// Empty if equal, else the first difference.
    std::string difference(const ConvProblem &p, const Values &is, const Values &should_be,
                           const char *source) const {
        for (size_t i = 0; i < should_be.size(); i++) {
            if (equal(is[i], should_be[i])) continue;
            return "Result " + std::to_string(i) + " of " + std::to_string(is.size()) + " is " +
                   text(is[i]) + ", not " + text(should_be[i]) + " as " + source + " (" + name(p) +
                   ").";
        }
        return "";
    }
};

/// Runs the call and keeps its result. Empty, or what went wrong.
std::string run(const KernelCall &call, CallTensors &tensors, Values &result) {
    CallContext context;
    const std::string where = " (" + format_problem(call.problem) + ").";
    if (!tensors.run(call, context)) return "The kernel failed: " + context.error() + where;
    if (!tensors.redzones_intact())
        return "The kernel wrote around its result or its workspace" + where;
    result = tensors.result();
    return "";
}

/// The call and, of fused gradients of a weighted sum, the one that leaves out those of z.
std::vector<KernelCall> calls_of(const KernelCall &call) {
    std::vector<KernelCall> calls = {call};
    if (!call.gpu || call.gpu->gradients.kernel == nullptr) return calls;
    calls.push_back(call);
    calls.back().keeps_z = false;
    return calls;
}

std::string why_wrong_at_edges(const CallMaker &candidate, const ConvProblem &problem) {
    for (const ConvProblem &p : edge_problems_of(problem)) {
        const std::optional<KernelCall> call = candidate(p);
        if (!call) continue;  // a kernel of one size alone
        const Given given(*call, kSeeds[0]);
        const Values expected = given.all(p);
        for (const Placement placement : {Placement::kStart, Placement::kEnd}) {
            for (const KernelCall &one : calls_of(given.by_model(*call))) {
                CallTensors tensors(p, given.values,
                                    {placement, false, Format::kNchw, one.gpu.has_value()},
                                    one.workspace());
                Values result, asked_for = expected;
                if (!one.keeps_z) asked_for.resize(input_gradients(p));
                std::string why = run(one, tensors, result);
                if (why.empty()) why = given.difference(p, result, asked_for, "by the definition");
                if (!why.empty()) return why;
            }
        }
    }
    return "";
}

/// Results spread over all of them, from the first to the last.
std::vector<int64_t> sampled(int64_t count) {
    std::vector<int64_t> indices;
    const int64_t step = std::max<int64_t>(1, (count - 1) / kSamples);
    for (int64_t i = 0; i < count; i += step) indices.push_back(i);
    if (indices.back() != count - 1) indices.push_back(count - 1);
    return indices;
}

}  // namespace

std::vector<ConvProblem> edge_problems_of(const ConvProblem &problem) {
    std::vector<ConvProblem> problems;
    for (const auto &[oh, ow, n] : {std::array<int64_t, 3>{1, 1, 1}, {3, 5, 2}, {2, 17, 1}}) {
        ConvProblem p = problem;
        p.n = n;
        // The smallest image that gives this many outputs; more padding than the image may be left.
        p.ih = std::max<int64_t>(
            1, (oh - 1) * p.stride_h + p.dilation_h * (p.kh - 1) + 1 - 2 * p.pad_h);
        p.iw = std::max<int64_t>(
            1, (ow - 1) * p.stride_w + p.dilation_w * (p.kw - 1) + 1 - 2 * p.pad_w);
        problems.push_back(p);
    }
    return problems;
}

std::string why_wrong(const CallMaker &candidate, const ConvProblem &problem,
                      const KernelCall &trusted) {
    const std::optional<KernelCall> call = candidate(problem);
    if (!call) return "The kernel does not accept " + format_problem(problem) + ".";
    std::string why = why_wrong_at_edges(candidate, problem);
    if (!why.empty()) return why;
    for (const uint32_t seed : kSeeds) {
        const Given given(*call, seed);
        Values first, second, reference;
        CallTensors tensors(problem, given.values, {},
                            std::max(call->workspace(), trusted.workspace()));
        const KernelCall candidate_call = given.by_model(*call);
        why = run(candidate_call, tensors, first);
        if (why.empty()) why = run(candidate_call, tensors, second);
        if (!why.empty()) return why;
        if (std::memcmp(first.data(), second.data(), first.size() * sizeof(float)) != 0)
            return "Two runs on the same tensors differ (" + format_problem(problem) + ").";
        const std::vector<int64_t> indices = sampled(static_cast<int64_t>(first.size()));
        Values some;
        for (const int64_t i : indices) some.push_back(first[i]);
        why = given.difference(problem, some, given.some(problem, indices),
                               "by the definition, one of a few");
        if (!why.empty()) return why;
        why = run(given.by_model(trusted), tensors, reference);
        if (!why.empty()) return why;
        why = given.difference(problem, first, reference, "from the kernel that is shipped");
        if (!why.empty()) return why;
    }
    return "";
}

}  // namespace convwright
