// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/job_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/temporary_folder.h"

namespace convwright {
namespace {

Job a_job() {
    Job job;
    job.target = {0, Isa::kAvx2};
    job.subject = {"fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc", 0};
    job.space = "0123456789abcdef";
    job.candidate = "conv2d.avx2/vec:1";
    job.versions = "convwright=1";
    return job;
}

class JobFolders : public testing::Test {
protected:
    std::string path() const { return parent_.path() + "/jobs"; }
    std::string why_no_job(const std::string &name) const {
        try {
            folder_.job(JobStage::kMake, name);
            return "";
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
    }
    void write(const std::string &name, const std::string &text) const {
        std::ofstream(folder_.file(JobStage::kMake, name)) << text;
    }

    TemporaryFolder parent_;
    JobFolder folder_{path(), true};
};

TEST_F(JobFolders, KeepTheFirstOfOneName) {
    const std::string name = a_job().name();
    EXPECT_FALSE(folder_.has(JobStage::kMake, name));
    EXPECT_TRUE(folder_.add(JobStage::kMake, name, format_job_file(a_job())));
    EXPECT_FALSE(folder_.add(JobStage::kMake, name, "another"));
    EXPECT_TRUE(folder_.has(JobStage::kMake, name));
    EXPECT_FALSE(folder_.has(JobStage::kMeasure, name));
    EXPECT_EQ(folder_.job(JobStage::kMake, name).candidate, a_job().candidate);
    EXPECT_EQ(JobFolder(path(), false).names(JobStage::kMake), std::vector{name});
}

TEST_F(JobFolders, OneOfManyWritersWins) {
    std::atomic<int> won{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&, i] {
            if (write_new_file(path(), "x", std::to_string(i))) won++;
        });
    for (std::thread &thread : threads) thread.join();
    EXPECT_EQ(won, 1);
}

TEST_F(JobFolders, LeaveNothingBehindOfWhatCouldNotBeWritten) {
    EXPECT_THROW(write_new_file(path() + "/nowhere", "x", ""), std::runtime_error);
    write_new_file(path(), "x", "1");
    write_new_file(path(), "x", "2");
    int files = 0;
    for (const auto &entry : std::filesystem::directory_iterator(path()))
        files += entry.is_regular_file();
    EXPECT_EQ(files, 1);
}

TEST_F(JobFolders, SayWhatIsWrongWithAJob) {
    const std::string name = a_job().name(), other = "0000000000000000";
    EXPECT_NE(why_no_job(name).find("cannot be opened"), std::string::npos) << why_no_job(name);
    write(other, format_job_file(a_job()));
    EXPECT_NE(why_no_job(other).find("that of another job"), std::string::npos);
    write(name, "{");
    EXPECT_NE(why_no_job(name).find("cut off"), std::string::npos);
    write(name, std::string(1 << 20, ' '));
    EXPECT_NE(why_no_job(name).find("bytes"), std::string::npos);
    write(name, format_job_file(a_job()));
    EXPECT_EQ(why_no_job(name), "");
    chmod(folder_.file(JobStage::kMake, name).c_str(), 0666);
    EXPECT_NE(why_no_job(name).find("can be written by others"), std::string::npos);
}

TEST_F(JobFolders, TakeNoNamesButThoseOfJobs) {
    for (const char *name : {"x", "0123456789ABCDEF", "0123456789abcde", "../../0123456789abc"})
        if (std::string(name).find('/') == std::string::npos) write(name, "");
    std::ofstream(path() + "/make/0123456789abcdef.txt") << "";
    EXPECT_TRUE(folder_.names(JobStage::kMake).empty());
}

TEST_F(JobFolders, OfOthersAreRefused) {
    EXPECT_THROW(JobFolder(path() + "/nowhere", false), std::runtime_error);
    chmod(path().c_str(), 0777);
    try {
        JobFolder(path(), false);
        ADD_FAILURE() << "A folder that others may write to was taken.";
    } catch (const std::runtime_error &error) {
        EXPECT_NE(std::string(error.what()).find("give --jobs one of your own."), std::string::npos)
            << error.what();
    }
}

}  // namespace
}  // namespace convwright
