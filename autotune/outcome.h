// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace convwright {

/// How the trial of a candidate ended. The numbers are those of the database: they never change.
enum class Outcome : int {
    kOk = 0,
    kRejected =
        1,  ///< Compiled, and not worth measuring: it spills, or needs too much of something.
    kBuildFailed = 2,
    kBuildTimeout = 3,
    kLaunchFailed = 4,
    kRunTimeout = 5,
    kWrongAnswer = 6,
    kCrashed = 7,
    kNoisy = 8,  ///< Measured, but the samples lie too far apart to be compared.
};
inline constexpr int kOutcomes = 9;

const char *outcome_name(Outcome outcome) noexcept;  ///< "ok", "wrong answer", …
std::optional<Outcome> parse_outcome(std::string_view name) noexcept;

/// What is known of a candidate after its trial.
struct Result {
    Outcome outcome = Outcome::kOk;
    double seconds = 0;  ///< Median of the samples, of ok and noisy ones; else 0.
    double spread = 0;   ///< Seconds between the lower and the upper fifth of the samples.
    int samples = 0;
    std::string reason;  ///< One sentence where the outcome is not ok, else empty.
    /// SHA-256 of the kernel's shared object and, of one for a GPU, that of its images behind it; empty where
    /// there is none.
    std::string artifact;

    /// What a strategy is told: seconds, infinity after a failure.
    double cost() const {
        const bool measured = outcome == Outcome::kOk || outcome == Outcome::kNoisy;
        return measured ? seconds : std::numeric_limits<double>::infinity();
    }
};

/// Null if a result can be what it says, else what is wrong.
const char *why_no_result(const Result &result) noexcept;

}  // namespace convwright
