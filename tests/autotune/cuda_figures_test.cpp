// SPDX-License-Identifier: Apache-2.0
// What ptxas says of candidates' kernels, and what an explanation for a GPU makes of it.
#include "autotune/cuda_figures.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "autotune/cuda_spaces.h"
#include "autotune/cuda_tasks.h"
#include "autotune/explanation.h"
#include "autotune/make_candidate.h"
#include "tests/autotune/cuda_kernel_tools.h"
#include "tests/temporary_folder.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc";
constexpr int kArchitecture = 80;

class CudaFigures : public testing::Test {
protected:
    void SetUp() override {
        if (tools_.nvrtc.empty()) GTEST_SKIP() << "There is no NVRTC.";
        setenv("CONVWRIGHT_CACHE_DIR", folder_.path().c_str(), 1);
    }
    void TearDown() override { unsetenv("CONVWRIGHT_CACHE_DIR"); }

    static void expect_figures(const std::string &text, const std::string &kernel) {
        for (const std::string &part :
             {kernel + "_0: ", std::string(" registers, "), std::string(" B of shared memory and "),
              std::string(" threads in a block, "), std::string(" blocks on a multiprocessor, "),
              std::string(" %\n")})
            EXPECT_NE(text.find(part), std::string::npos) << part << " in '" << text << "'";
        EXPECT_EQ(text.find(" 0 registers"), std::string::npos) << text;
        EXPECT_EQ(text.find("occupancy 0 %"), std::string::npos) << text;
    }

    const KernelTools tools_ = test_cuda_kernel_tools();
    const TemporaryFolder folder_;
    const OperatorProblem problem_ = parse_operator_problem(kFprop);
    const TuningTask task_{{kFprop, 0}, problem_};
};

TEST_F(CudaFigures, OfTheLibrarysKernelsAreThoseOfTheArchitecture) {
    for (const int architecture : {75, 80, 89, 90}) {
        const cuda::Device gpu = nominal_gpu(architecture);
        const std::string untuned = untuned_cuda_candidate(task_, gpu);
        const std::string text = cuda_figures(problem_, untuned, "", gpu);
        expect_figures(text, std::get<MeasureJob>(job_of(problem_, 0, untuned)).shipped);
        // As an explanation has it.
        const Environment environment =
            gpu_environment({"Some GPU", gpu.multiprocessors, 0, 0, 0, "13000"}, "v");
        const std::string explained = explain_choice(task_, nullptr, environment, &gpu);
        EXPECT_NE(explained.find("without tuning runs " + untuned + "\n"), std::string::npos)
            << explained;
        EXPECT_NE(explained.find("\n  " + text.substr(0, text.find('\n'))), std::string::npos)
            << explained;
        EXPECT_NE(explained.find("gpu/Some GPU/sms="), std::string::npos) << explained;
    }
    const cuda::Device unknown = nominal_gpu(100);
    EXPECT_EQ(cuda_figures(problem_, untuned_cuda_candidate(task_, nominal_gpu(90)), "", unknown),
              "");
    EXPECT_EQ(cuda_figures(problem_, "pytorch", "", nominal_gpu(80)), "");
}

TEST_F(CudaFigures, OfMadeKernelsAreThoseOfTheirFile) {
    const cuda::Device gpu = nominal_gpu(kArchitecture);
    const std::string candidate =
        cuda::candidate_kind("conv2d") + "/" +
        format_params(parse_params<Conv2dCudaParams>("co:16,px:32,px_t:4,chunk:8,apart:1"));
    MeasureJob job = std::get<MeasureJob>(job_of(problem_, 0, candidate));
    ASSERT_EQ(job.shipped, "");
    const std::string kernels = folder_.path() + "/kernels";
    std::filesystem::create_directory(kernels);
    const auto why = make_kernel(job, {tools_, kernels, kArchitecture});
    ASSERT_FALSE(why) << why->reason;
    expect_figures(cuda_figures(problem_, candidate, job.artifact(), gpu), job.made_cuda->symbol);
    // Made for one architecture; another file, or none, says nothing.
    EXPECT_EQ(cuda_figures(problem_, candidate, job.artifact(), nominal_gpu(90)), "");
    EXPECT_EQ(cuda_figures(problem_, candidate, std::string(128, 'a'), gpu), "");
    EXPECT_EQ(cuda_figures(problem_, candidate, "", gpu), "");
    std::filesystem::remove_all(kernels);
    EXPECT_EQ(cuda_figures(problem_, candidate, job.artifact(), gpu), "");
}

}  // namespace
}  // namespace convwright
