// SPDX-License-Identifier: Apache-2.0
#include "autotune/run_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <thread>

namespace convwright {
namespace {

using End = ProcessResult::End;

ProcessResult shell(const std::string &script, const ProcessLimits &limits = {10, 0, 0},
                    const std::string &input = "") {
    return run_process({"sh", "-c", script}, limits, input);
}

TEST(RunProcess, KeepsWhatTheChildSays) {
    const ProcessResult result = shell("echo out; echo err >&2; exit 3");
    EXPECT_EQ(result.end, End::kExited);
    EXPECT_EQ(result.status, 3);
    EXPECT_EQ(result.output, "out\n");
    EXPECT_EQ(result.complaint, "err\n");
    EXPECT_FALSE(result.success());
    EXPECT_EQ(result.what_happened(), "ended with status 3");
}

TEST(RunProcess, SendsMoreInputThanAPipeHolds) {
    const std::string input(1 << 20, 'x');
    const ProcessResult result = shell("cat", {20, 0, 0}, input);
    EXPECT_TRUE(result.success()) << result.what_happened();
    EXPECT_EQ(result.output, input);
    EXPECT_TRUE(shell("exit 0", {20, 0, 0}, input).success());  // nobody reads
}

TEST(RunProcess, KillsAtTheWallTimeWhateverTheChildIgnores) {
    const ProcessResult result = shell("trap '' TERM INT; while :; do sleep 1; done", {0.2, 0, 0});
    EXPECT_EQ(result.end, End::kWallTimeout);
    EXPECT_LT(result.wall_seconds, 5);
}

TEST(RunProcess, EndsAtTheProcessorTime) {
    const ProcessResult result = shell("while :; do :; done", {20, 1, 0});
    EXPECT_EQ(result.end, End::kCpuTimeout) << result.what_happened();
    EXPECT_GT(result.cpu_seconds, 0.5);
}

TEST(RunProcess, EndsWhenTheChildDoes) {
    EXPECT_EQ(shell("kill -SEGV $$").status, SIGSEGV);
    EXPECT_EQ(shell("kill -SEGV $$").end, End::kSignalled);
    // A grandchild that keeps the pipe open holds nothing up, and is gone afterwards.
    const ProcessResult result = shell("sleep 30 & echo $!");
    EXPECT_TRUE(result.success());
    EXPECT_LT(result.wall_seconds, 5);
    const pid_t grandchild = std::stoi(result.output);
    for (int i = 0; i < 100 && kill(grandchild, 0) == 0; i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_NE(kill(grandchild, 0), 0);
}

TEST(RunProcess, LimitsMemory) {
    const ProcessResult result =
        run_process({"python3", "-c", "x = bytearray(1 << 30)"}, {20, 0, int64_t{512} << 20});
    EXPECT_FALSE(result.success());
    EXPECT_NE(result.complaint.find("MemoryError"), std::string::npos) << result.complaint;
}

TEST(RunProcess, SaysThatAProgramIsMissing) {
    const ProcessResult result = run_process({"convwright-no-such-program"}, {});
    EXPECT_EQ(result.end, End::kNotStarted);
    EXPECT_EQ(result.what_happened(), "could not be started: No such file or directory");
}

TEST(RunProcess, BoundsWhatItKeeps) {
    const ProcessResult result =
        shell("head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 20000000 /dev/zero");
    EXPECT_TRUE(result.success()) << result.what_happened();
    EXPECT_EQ(result.complaint.size(), size_t{1} << 16);
    EXPECT_LE(result.output.size(), (size_t{1} << 24) + 4096);
}

}  // namespace
}  // namespace convwright
