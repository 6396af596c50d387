// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/job.h"

#include <gtest/gtest.h>

#include "tests/autotune/refusal.h"

namespace convwright {
namespace {

constexpr char kProblem[] = "fprop_n1ci8ih9iw9co16kh3kw3s1p1_f32_nhwc";

Job a_job() {
    Job job;
    job.target = {90, Isa::kNone};
    job.subject = {kProblem, 0};
    job.space = "0123456789abcdef";
    job.candidate = "conv2d.cuda/engine:1,co:64";
    job.versions = "convwright=1;halide=2";
    return job;
}

TEST(Job, ComesBackFromItsText) {
    Job job = a_job();
    job.sha256 = std::string(64, 'a');
    job.images_sha256 = std::string(64, '0');
    Job back = parse_job_file(format_job_file(job));
    EXPECT_EQ(format_job_file(back), format_job_file(job));
    EXPECT_EQ(back.target, job.target);
    EXPECT_EQ(back.subject, job.subject);
    EXPECT_EQ(back.sha256, job.sha256);
    EXPECT_EQ(back.images_sha256, job.images_sha256);
    EXPECT_FALSE(back.failure);
    job.failure = Result{Outcome::kRejected, 0, 0, 0, "It \xff spills.", ""};
    back = parse_job_file(format_job_file(job));
    ASSERT_TRUE(back.failure);
    EXPECT_EQ(back.failure->outcome, Outcome::kRejected);
    EXPECT_NE(back.failure->reason.find("spills."), std::string::npos);
}

TEST(Job, HasItsNameFromAllThatItIsAbout) {
    const std::string name = a_job().name();
    EXPECT_EQ(name.size(), 16u);
    Job made = a_job();
    made.sha256 = std::string(64, 'a');
    EXPECT_EQ(made.name(), name);
    for (const auto &change : std::vector<void (*)(Job &)>{
             [](Job &j) { j.target.architecture = 80; },
             [](Job &j) { j.subject.problem += "_bias"; }, [](Job &j) { j.subject.phase = 1; },
             [](Job &j) { j.space[0] = '1'; }, [](Job &j) { j.candidate += ",px:64"; },
             [](Job &j) { j.versions += ";x"; }}) {
        Job other = a_job();
        change(other);
        EXPECT_NE(other.name(), name);
    }
}

TEST(Job, OthersAreRefusedInOneSentence) {
    const std::string text = format_job_file(a_job());
    EXPECT_EQ(refusal(parse_job_file, text), "");
    EXPECT_NE(refusal(parse_job_file, replaced(text, "_job\": 1", "_job\": 2"))
                  .find("of another version than 1"),
              std::string::npos);
    expect_refused(
        parse_job_file,
        {std::string(), std::string("{}"), std::string("[]"), std::string("\xff\x00 garbage", 10),
         text.substr(0, text.size() / 2), replaced(text, "fprop", "nonsense"),
         replaced(text, "f32_nhwc", "f32_nhwc_g1"), replaced(text, "cuda:sm_90", "cuda:sm_9"),
         replaced(text, "\"phase\": 0", "\"phase\": -2"),
         replaced(text, "\"phase\": 0", "\"phase\": 4096"),
         replaced(text, "\"phase\": 0", "\"phase\": \"0\""),
         replaced(text, "\"phase\": 0", "\"phase\": 4294967296"),
         replaced(text, "\"phase\": 0", "\"phase\": 1e300"), std::string(100'000, '['),
         replaced(text, "\"sha256\": \"\"", "\"sha256\": \"../../x\""),
         replaced(text, "\"sha256\": \"\"", "\"sha256\": 7"),
         replaced(text, "\"sha256\": \"\"", "\"failure\": {}, \"sha256\": \"\""),
         replaced(text, "\"sha256\": \"\"",
                  "\"failure\": {\"outcome\": \"ok\", \"reason\": \"\"}, \"sha256\": \"\"")});
}

TEST(Target, ComesBackFromItsText) {
    for (const char *text : {"cpu:avx2", "cpu:avx512", "cuda:sm_75", "cuda:sm_90"})
        EXPECT_EQ(format_target(parse_target(text)), text);
    for (const char *text :
         {"", "cpu", "cpu:none", "cuda:90", "cuda:sm_", "cuda:sm_12", "cuda:sm_90 "})
        EXPECT_THROW(parse_target(text), std::invalid_argument) << text;
}

}  // namespace
}  // namespace convwright
