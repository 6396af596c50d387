// SPDX-License-Identifier: Apache-2.0
#include "autotune/outcome.h"

#include <cmath>

namespace convwright {
namespace {

constexpr const char *kNames[kOutcomes] = {
    "ok",          "rejected",     "build failed", "build timeout", "launch failed",
    "run timeout", "wrong answer", "crashed",      "noisy"};

/// One SHA-256, or two.
bool is_artifact(const std::string &text) {
    return (text.size() == 64 || text.size() == 128) &&
           text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

const char *outcome_name(Outcome outcome) noexcept { return kNames[static_cast<int>(outcome)]; }

std::optional<Outcome> parse_outcome(std::string_view name) noexcept {
    for (int i = 0; i < kOutcomes; i++) {
        if (name == kNames[i]) return static_cast<Outcome>(i);
    }
    return std::nullopt;
}

const char *why_no_result(const Result &r) noexcept {
    const int outcome = static_cast<int>(r.outcome);
    if (outcome < 0 || outcome >= kOutcomes) return "the outcome is unknown";
    const bool measured = r.outcome == Outcome::kOk || r.outcome == Outcome::kNoisy;
    if (measured && !(std::isfinite(r.seconds) && r.seconds > 0)) {
        return "the seconds of a measured candidate are no positive number";
    }
    if (!measured && r.seconds != 0) return "a candidate that was not measured has seconds";
    if (!std::isfinite(r.spread) || r.spread < 0) return "the spread is no number from 0 on";
    if (r.samples < 0) return "the number of samples is negative";
    if (!r.artifact.empty() && !is_artifact(r.artifact)) {
        return "the artifact is no SHA-256 of 64 hexadecimal digits, nor two";
    }
    return nullptr;
}

}  // namespace convwright
