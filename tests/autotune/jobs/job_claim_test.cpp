// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/job_claim.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/temporary_folder.h"

namespace convwright {
namespace {

using State = JobClaim::State;

class JobClaims : public testing::Test {
protected:
    State claim(double seconds = 60) const { return JobClaim(path(), "job", seconds).state(); }
    std::string path() const { return folder_.path(); }
    /// A lease of a process on another machine that was last touched so many seconds ago.
    void leave_lease(int holder, double length, int age) const {
        const std::string file = path() + "/job." + std::to_string(holder);
        std::ofstream(file) << length << " another-machine/1/2\n";
        const timespec times[2] = {{time(nullptr) - age, 0}, {time(nullptr) - age, 0}};
        utimensat(AT_FDCWD, file.c_str(), times, 0);
    }
    /// A process that takes the job and is killed.
    void die_with_it() const {
        const pid_t child = fork();
        if (child == 0) {
            const JobClaim mine(path(), "job", 60);
            if (mine.state() == State::kMine) raise(SIGKILL);
            _exit(1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status));
    }

    TemporaryFolder folder_;
};

TEST_F(JobClaims, OneHolderAtATime) {
    const JobClaim mine(path(), "job", 60);
    EXPECT_EQ(mine.state(), State::kMine);
    EXPECT_EQ(claim(), State::kOthers);
    EXPECT_EQ(JobClaim(path(), "another", 60).state(), State::kMine);
}

TEST_F(JobClaims, OneOfManyTakersGetsIt) {
    leave_lease(0, 1, 100);
    std::vector<std::unique_ptr<JobClaim>> claims(8);
    std::vector<std::thread> threads;
    for (auto &slot : claims)
        threads.emplace_back([&] { slot = std::make_unique<JobClaim>(path(), "job", 60); });
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(std::count_if(claims.begin(), claims.end(),
                            [](const auto &c) { return c->state() == State::kMine; }),
              1);
}

TEST_F(JobClaims, LeasesOfAnotherMachineEndByTime) {
    leave_lease(0, 60, 20);
    EXPECT_EQ(claim(1), State::kOthers);  // the holder's length counts
    leave_lease(0, 10, 20);
    EXPECT_EQ(claim(), State::kMine);
}

TEST_F(JobClaims, AClockThatIsSetBackHoldsNoLeaseForever) {
    leave_lease(0, 60, -20);  // the server's clock may be a little ahead
    EXPECT_EQ(claim(), State::kOthers);
    leave_lease(0, 60, -24 * 3600);
    EXPECT_EQ(claim(), State::kMine);
}

TEST_F(JobClaims, AHolderThatLivesKeepsIt) {
    const JobClaim mine(path(), "job", 0.2);
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    EXPECT_EQ(claim(), State::kOthers);
}

TEST_F(JobClaims, AHolderThatDiesOnThisMachineIsReplacedAtOnce) {
    die_with_it();
    EXPECT_EQ(claim(), State::kMine);
}

TEST_F(JobClaims, AfterThreeThatDiedItIsGivenUp) {
    for (int holder = 0; holder < JobClaim::kMostHolders; holder++) die_with_it();
    EXPECT_EQ(claim(), State::kGivenUp);
}

TEST_F(JobClaims, WhoLetsGoOfItAliveCountsForNoneThatDied) {
    for (int i = 0; i < 2 * JobClaim::kMostHolders; i++) {
        // As where a disk is full: work throws, and the claim goes with it.
        try {
            const JobClaim mine(path(), "job", 60);
            ASSERT_EQ(mine.state(), State::kMine) << i;
            throw std::runtime_error("no space");
        } catch (const std::runtime_error &) {
        }
    }
    for (int holder = 1; holder < JobClaim::kMostHolders; holder++) die_with_it();
    EXPECT_EQ(claim(), State::kMine);
    die_with_it();
    EXPECT_EQ(claim(), State::kGivenUp);
}

TEST_F(JobClaims, AnUnreadableLeaseIsTakenForOneOfTheUsualLength) {
    std::ofstream(path() + "/job.0") << "nonsense";
    EXPECT_EQ(claim(1), State::kOthers);
    leave_lease(0, 0, static_cast<int>(kLeaseSeconds) + 10);
    EXPECT_EQ(claim(), State::kMine);
}

TEST_F(JobClaims, WhereLeasesCannotBeWrittenTheySaySo) {
    EXPECT_THROW(JobClaim(path() + "/nowhere", "job", 60), std::runtime_error);
}

}  // namespace
}  // namespace convwright
