// SPDX-License-Identifier: Apache-2.0
#include "autotune/replay.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/autotune/rugged_recording.h"

namespace convwright {
namespace {

std::string text_of(const Recording &recording) {
    std::string text = recording_header(recording) + "\n";
    for (const auto &[candidate, trial] : recording.trials) {
        text += recording_line(candidate, trial) + "\n";
    }
    return text;
}

Recording read(const std::string &text) {
    std::istringstream in(text);
    return read_recording(in, "times.jsonl");
}

std::string message(const std::string &text) {
    try {
        read(text);
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
    return "";
}

TEST(Recordings, RoundTripThroughTheirFile) {
    const Recording written = rugged_recording(1);
    const Recording read_back = read(text_of(written));
    EXPECT_EQ(read_back.key, written.key);
    EXPECT_EQ(text_of(read_back), text_of(written));
    EXPECT_EQ(read_back.best_seconds(), written.best_seconds());
    EXPECT_EQ(read_back.trials.size(), written.trials.size());
}

TEST(Recordings, AreASpaceOfTheirCandidates) {
    const Recording recording = rugged_recording(1);
    const Space space = recording.space();
    EXPECT_EQ(space.hash(), recording.key.space);
    EXPECT_EQ(space.subject(), recording.key.subject);
    EXPECT_EQ(space.legal().size(), recording.trials.size());
    EXPECT_EQ(space.rejected().size(), 1u);
    EXPECT_GT(space.rejected().at("it was not recorded"), 0);
    const Point point = space.parse("rugged/vec:2,tile:8,stage:1,unroll:1").value();
    EXPECT_EQ(space.predicted(point), *recording.trials.at(space.text(point)).predicted);
}

TEST(Recordings, AnswerAsTheDeviceDid) {
    const Recording recording = rugged_recording(1);
    ReplayEvaluator replay(recording);
    int failed = 0;
    for (const auto &[candidate, trial] : recording.trials) {
        const Result result = replay.evaluate(candidate);
        EXPECT_EQ(result.outcome, trial.result.outcome);
        EXPECT_EQ(result.seconds, trial.result.seconds);
        failed += result.outcome == Outcome::kWrongAnswer;
    }
    EXPECT_GT(failed, 5);
    EXPECT_EQ(replay.evaluated(), static_cast<int64_t>(recording.trials.size()));
    EXPECT_EQ(replay.evaluate("rugged/vec:9").outcome, Outcome::kRejected);
    const auto times = replay.compare({{"winner", "pytorch", 0, 0}, {"default", "none", 0, 0}});
    EXPECT_EQ(times[0].seconds, 1.9e-3);
    EXPECT_EQ(times[1].seconds, 0);
}

TEST(Recordings, ThatWereCutOffAreReadUpToThere) {
    const std::string whole = text_of(rugged_recording(1));
    const size_t lines = read(whole).trials.size();
    EXPECT_EQ(read(whole.substr(0, whole.size() - 20)).trials.size(), lines - 1);
}

TEST(Recordings, ThatAreWrongGetASentenceWithTheLine) {
    const std::string whole = text_of(rugged_recording(1));
    const size_t second = whole.find('\n') + 1;
    const std::string header = whole.substr(0, second);
    EXPECT_EQ(message(""),
              "Recording 'times.jsonl' is empty or cannot be read; give a file of recorded "
              "timings.");
    EXPECT_NE(message("{}\n").find("'times.jsonl', line 1: a field is missing"), std::string::npos);
    EXPECT_NE(message(header + "{\"candidate\":\n" + header).find("line 2: a field is missing"),
              std::string::npos);
    std::string other = header;
    other.replace(other.find("\"tile\""), 6, "\"tilt\"");
    EXPECT_NE(message(other).find("line 1: the knobs are not those of the space hash"),
              std::string::npos);
    other = header;
    other.replace(other.find("\"phase\":0"), 9, "\"phase\":4294967296");
    EXPECT_NE(message(other).find("line 1: its phase is no whole number from"), std::string::npos);
    other = header;
    for (int i = 0; i < 64; i++)
        other.insert(other.find("\"kinds\":[") + 9,
                     "{\"name\":\"k" + std::to_string(i) + "\",\"version\":1,\"knobs\":[]},");
    EXPECT_NE(message(other).find("line 1: it has more than 64 kinds"), std::string::npos);
    EXPECT_NE(message(header + std::string(2'000'000, ' ')).find("line 2: the line is too long"),
              std::string::npos);
    const auto trial = [&](const std::string &fields) {
        return message(header + "{\"candidate\":\"pytorch\"," + fields + "}\n");
    };
    EXPECT_EQ(trial("\"outcome\":\"ok\",\"seconds\":1"), "");
    EXPECT_NE(trial("\"outcome\":\"ok\",\"seconds\":-1").find("no positive number"),
              std::string::npos);
    EXPECT_NE(trial("\"outcome\":\"fine\"").find("the outcome is unknown"), std::string::npos);
    EXPECT_NE(message(header + "{\"candidate\":\"other\",\"outcome\":\"ok\",\"seconds\":1}\n")
                  .find("line 2: 'other' is no candidate"),
              std::string::npos);
    const std::string line = whole.substr(second, whole.find('\n', second) - second + 1);
    EXPECT_NE(message(header + line + line).find("line 3"), std::string::npos);
    EXPECT_NE(message(header + line + line).find("stands there twice"), std::string::npos);
}

}  // namespace
}  // namespace convwright
