// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "autotune/database/exchange.h"
#include "autotune/replay.h"
#include "autotune/tuner.h"
#include "runtime/isa.h"
#include "runtime/tuned_choices.h"
#include "tests/temporary_folder.h"

namespace convwright {
namespace {

/// The schedule that runs untuned is at most so many times as slow as the fastest that is known.
constexpr double kMostOfFastest = 3;

void forget_what_is_tuned() {
    setenv("CONVWRIGHT_DB", "/nowhere/tuning.db", 1);
    reload_tuned_choices();
}

/// By the times of whole spaces that were recorded for this CPU's instruction set.
TEST(DefaultSchedule, TakesAtMostThreeTimesAsLongAsTheFastest) {
    forget_what_is_tuned();
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
        EXPECT_LE(recording.trials.at(candidate).result.cost(),
                  kMostOfFastest * recording.best_seconds())
            << subject.problem << ": " << candidate;
    }
    if (compared == 0) GTEST_SKIP() << "No space is recorded for this instruction set.";
}

/// Of the final comparison, else of the candidate's trial; 0 if there was neither. The kernels of the choices that
/// are built in are defaults of other problems, too.
double seconds_of(Database &database, const Choice &choice, const std::string &candidate) {
    for (const FinalTime &final : choice.finals)
        if (final.candidate == candidate) return final.seconds;
    const std::optional<Record> record = database.find(choice.key, candidate);
    return record ? record->result.cost() : 0;
}

/// By searches that were recorded on a CPU of this one's instruction set: twenty problems of networks and more.
TEST(DefaultSchedule, TakesAtMostThreeTimesAsLongAsWhatWasTuned) {
    forget_what_is_tuned();
    const std::string isa = isa_name(host_isa());
    const std::string path = std::string(CONVWRIGHT_RECORDINGS) + "/searches/" + isa + ".jsonl";
    std::ifstream file(path);
    if (!file) GTEST_SKIP() << "No searches are recorded for " << isa << ".";
    const TemporaryFolder folder;
    Database database(folder.path() + "/searches.db");
    ASSERT_TRUE(import_records(database, file, path).refused.empty());

    std::set<std::string> problems;
    for (const Choice &choice : database.choices()) {
        const std::string &problem = choice.key.subject.problem;
        problems.insert(problem);
        const std::string candidate =
            untuned_candidate({choice.key.subject, parse_problem(problem), 1});
        const double seconds = seconds_of(database, choice, candidate);
        ASSERT_GT(seconds, 0) << problem << ": no time of " << candidate;
        EXPECT_LE(seconds, kMostOfFastest * choice.seconds) << problem << ": " << candidate;
    }
    EXPECT_GE(problems.size(), 20u);
}

}  // namespace
}  // namespace convwright
