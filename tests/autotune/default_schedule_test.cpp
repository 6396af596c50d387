// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "autotune/tuner.h"
#include "runtime/isa.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

/// The schedule that runs untuned, by the times that a tuner saw on an AVX-512 machine (recordings/defaults): at
/// most 3 times as slow as what tuning found. A default that was not measured there counts as missing.
TEST(DefaultSchedule, TakesAtMostThreeTimesAsLongAsTheTunedOne) {
    if (host_isa() != Isa::kAvx512) GTEST_SKIP() << "The times are of AVX-512 kernels.";
    setenv("CONVWRIGHT_DB", "/nowhere/tuning.db", 1);  // nothing is tuned
    reload_tuned_choices();
    std::ifstream file(CONVWRIGHT_DEFAULT_TIMES);
    int problems = 0, missing = 0;
    for (std::string line; std::getline(file, line); problems++) {
        const nlohmann::json row = nlohmann::json::parse(line);
        TuningTask task;
        task.problem = parse_problem(row.at("problem").get<std::string>());
        task.subject = {row.at("problem"), row.at("phase")};
        const std::string candidate = untuned_candidate(task);
        ASSERT_NE(candidate, "") << task.subject.problem;
        const auto &times = row.at("times");
        const double tuned = times.at(row.at("tuned").get<std::string>());
        if (!times.contains(candidate)) {
            missing++;
            continue;
        }
        EXPECT_LE(times.at(candidate).get<double>(), 3 * tuned)
            << task.subject.problem << ": " << candidate;
    }
    EXPECT_GE(problems, 20);
    EXPECT_LE(missing, 5) << "The cost model has changed: record the times again.";
}

}  // namespace
}  // namespace convwright
