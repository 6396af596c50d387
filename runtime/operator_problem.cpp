// SPDX-License-Identifier: Apache-2.0
#include "runtime/operator_problem.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "runtime/cost_model.h"
#include "runtime/in_quotes.h"
#include "runtime/multipliers/product_words.h"

namespace convwright {
namespace {

constexpr std::array<const char *, 3> kPrefixes = {"", "wsum2d:", "dwsep2d:"};
const std::string kForward = "fprop_", kStep = "step_", kGradients = "dgrad_";

bool starts_with(const std::string &text, const std::string &start) {
    return text.compare(0, start.size(), start) == 0;
}

[[noreturn]] void refuse(const std::string &text, const std::string &why) {
    throw std::invalid_argument("problem " + in_quotes(text) + ": " + why + ".");
}

/// The 8-bit format that a name ends with, "mbm_int8"; nothing where it ends with none.
std::optional<NumberFormat> byte_format_of(const std::string &name) {
    const size_t mark = name.rfind('_');
    const auto format =
        mark == std::string::npos ? std::nullopt : find_number_format(name.substr(mark + 1));
    const bool bytes = format == NumberFormat::kInt8 || format == NumberFormat::kUint8;
    return bytes ? format : std::nullopt;
}

/// The product that `name`, of a product or of a multiplier, stands for in `problem`.
std::string product_of(const std::string &text, const std::string &name, Direction direction) {
    const std::vector<std::string> &names = product_names();
    if (std::find(names.begin(), names.end(), name) != names.end() || find_byte_product(name))
        return name;
    const std::optional<NumberFormat> bytes = byte_format_of(name);
    const auto parsed = parse_multiplier(bytes ? name.substr(0, name.rfind('_')) : name);
    if (const auto *why = std::get_if<std::string>(&parsed))
        refuse(text, "behind the format stands a multiplier or a product: " + without_stop(*why));
    const auto &multiplier = std::get<Multiplier>(parsed);
    if (std::string why = why_unsupported(multiplier, bytes.value_or(NumberFormat::kFloat32));
        !why.empty())
        refuse(text, without_stop(why));
    if (bytes) return format_byte_product(usual_byte_product(multiplier, *bytes));
    const std::string product = usual_product(multiplier, direction);
    if (product.empty())
        refuse(text, name + " has no kernels of its own: leave it out, as for the exact product");
    return product;
}

/// Where the name of a product may begin: behind the format, "_bias" and "_relu"; the end of `text` where none does.
size_t end_of_sizes(const std::string &text) {
    size_t end = std::min(text.find("_nchw"), text.find("_nhwc"));
    if (end == std::string::npos) return text.size();
    end += 5;
    for (const std::string mark : {"_bias", "_relu"})
        if (text.compare(end, mark.size(), mark) == 0) end += mark.size();
    return end < text.size() && text[end] == '_' ? end : text.size();
}

OperatorProblem parse_convolution(const std::string &text) {
    const size_t end = end_of_sizes(text);
    if (end == text.size()) return parse_problem(text);
    OperatorProblem problem(parse_problem(text.substr(0, end)));
    const ConvProblem &sizes = problem.sizes;
    problem.product = product_of(text, text.substr(end + 1), sizes.direction);
    if (sizes.dtype != DType::kF32 || sizes.relu)
        refuse(text, "approximate convolutions are of float32 and have no ReLU");
    if (!problem.bytes()) return problem;
    if (sizes.direction != Direction::kFprop)
        refuse(text, "8-bit products are those of fprop, whose gradients are other convolutions");
    problem.sizes.bias = false;  // added to what the sums stand for
    return problem;
}

}  // namespace

std::string format_problem(const OperatorProblem &problem) {
    std::string text = format_problem(problem.sizes);
    if (problem.step) text.replace(0, kForward.size(), kStep);
    if (!problem.product.empty()) text += "_" + problem.product;
    return kPrefixes[static_cast<int>(problem.op)] + text;
}

OperatorProblem parse_operator_problem(const std::string &text) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos) return parse_convolution(text);
    OperatorProblem problem;
    for (const Operator op : {Operator::kWeightedSum, Operator::kDepthwiseSeparable})
        if (text.compare(0, colon + 1, kPrefixes[static_cast<int>(op)]) == 0) problem.op = op;
    if (problem.op == Operator::kConv2d)
        refuse(text, "operators that stand in front of ':' are wsum2d and dwsep2d");
    std::string rest = text.substr(colon + 1);
    problem.step = starts_with(rest, kStep);
    if (problem.step) rest.replace(0, kStep.size(), kForward);
    const bool gradients = problem.op == Operator::kWeightedSum && starts_with(rest, kGradients);
    if (!starts_with(rest, kForward) && !gradients)
        refuse(text,
               "behind the operator stands fprop, or step for forward with backward; behind "
               "wsum2d also dgrad, for gradients that one kernel computes");
    problem.sizes = parse_problem(rest);
    if (gradients && problem.sizes.bias) refuse(text, "gradients of a weighted sum have no bias");
    if (problem.sizes.groups != 1) refuse(text, "two convolutions in a row have one group");
    return problem;
}

OperatorProblem tuned_subject(const OperatorProblem &problem) {
    OperatorProblem subject = problem;
    if (problem.sizes.direction == Direction::kWgrad || !problem.product.empty())
        subject.sizes = with_long_rows(problem.sizes);
    return subject;
}

std::vector<std::string> plain_kinds(const OperatorProblem &problem, int phase) {
    if (!problem.product.empty()) return {};
    if (problem.op == Operator::kConv2d)
        return phase == kWholeProblem ? std::vector<std::string>{"pytorch", "passes"}
                                      : std::vector<std::string>{"pytorch"};
    if (problem.is_fused_gradients()) return {kUnfusedKind};
    std::vector<std::string> kinds = {"pytorch", kUnfusedKind, "composed"};
    if (problem.op == Operator::kWeightedSum && problem.step) kinds.push_back(kFusedKind);
    return kinds;
}

}  // namespace convwright
