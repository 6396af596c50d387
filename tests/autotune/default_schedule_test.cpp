// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "autotune/replay.h"
#include "autotune/tuner.h"
#include "runtime/isa.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

/// The schedule that runs untuned, by the times of whole spaces that were recorded for this CPU's instruction set: at
/// most 3 times as slow as the fastest of all.
TEST(DefaultSchedule, TakesAtMostThreeTimesAsLongAsTheFastest) {
    setenv("CONVWRIGHT_DB", "/nowhere/tuning.db", 1);  // nothing is tuned
    reload_tuned_choices();
    int compared = 0;
    for (const auto &file : std::filesystem::directory_iterator(CONVWRIGHT_RECORDINGS)) {
        if (file.path().extension() != ".jsonl") continue;
        const Recording recording = read_recording_file(file.path());
        const Subject &subject = recording.key.subject;
        const std::string candidate =
            untuned_candidate({subject, parse_problem(subject.problem), 1});
        const Space space = recording.space();
        // Of another instruction set.
        if (!space.parse(candidate)) continue;
        ASSERT_TRUE(recording.trials.contains(candidate)) << candidate;
        compared++;
        EXPECT_LE(recording.trials.at(candidate).result.cost(), 3 * recording.best_seconds())
            << subject.problem << ": " << candidate;
    }
    if (compared == 0) GTEST_SKIP() << "No space is recorded for this instruction set.";
}

}  // namespace
}  // namespace convwright
