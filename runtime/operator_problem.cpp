// SPDX-License-Identifier: Apache-2.0
#include "runtime/operator_problem.h"

#include <array>
#include <stdexcept>

#include "runtime/in_quotes.h"

namespace convwright {
namespace {

constexpr std::array<const char *, 3> kPrefixes = {"", "wsum2d:", "dwsep2d:"};
const std::string kForward = "fprop_", kStep = "step_";

bool starts_with(const std::string &text, const std::string &start) {
    return text.compare(0, start.size(), start) == 0;
}

}  // namespace

std::string format_problem(const OperatorProblem &problem) {
    std::string text = format_problem(problem.sizes);
    if (problem.step) text.replace(0, kForward.size(), kStep);
    return kPrefixes[static_cast<int>(problem.op)] + text;
}

OperatorProblem parse_operator_problem(const std::string &text) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos) return parse_problem(text);
    OperatorProblem problem;
    for (const Operator op : {Operator::kWeightedSum, Operator::kDepthwiseSeparable})
        if (text.compare(0, colon + 1, kPrefixes[static_cast<int>(op)]) == 0) problem.op = op;
    const auto refuse = [&](const std::string &why) {
        throw std::invalid_argument("problem " + in_quotes(text) + ": " + why + ".");
    };
    if (problem.op == Operator::kConv2d)
        refuse("operators that stand in front of ':' are wsum2d and dwsep2d");
    std::string rest = text.substr(colon + 1);
    problem.step = starts_with(rest, kStep);
    if (problem.step) rest.replace(0, kStep.size(), kForward);
    if (!starts_with(rest, kForward))
        refuse("behind the operator stands fprop, or step for forward with backward");
    problem.sizes = parse_problem(rest);
    if (problem.sizes.groups != 1) refuse("two convolutions in a row have one group");
    return problem;
}

std::vector<std::string> plain_kinds(const OperatorProblem &problem, int phase) {
    if (problem.op == Operator::kConv2d)
        return phase == kWholeProblem ? std::vector<std::string>{"pytorch", "passes"}
                                      : std::vector<std::string>{"pytorch"};
    std::vector<std::string> kinds = {"pytorch", "unfused", "composed"};
    if (problem.op == Operator::kWeightedSum && problem.step) kinds.push_back("fused");
    return kinds;
}

}  // namespace convwright
