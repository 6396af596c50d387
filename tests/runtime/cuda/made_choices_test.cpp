// SPDX-License-Identifier: Apache-2.0
// Kernels that were made for a GPU, as choices: loaded by their hashes, and run by the emulated driver.
#include <filesystem>

#include "autotune/make_candidate.h"
#include "autotune/verify/call_tensors.h"
#include "autotune/verify/why_wrong.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/cuda/wgrad_plan.h"
#include "tests/autotune/cuda_kernel_tools.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/cuda/emulated_kernels.h"
#include "tests/runtime/tuned_choices_fixture.h"

namespace convwright::cuda {
namespace {

constexpr int kArchitecture = 80;  // of the emulated GPU

/// A candidate that the library does not have, and the kernel whose text the emulator has of it: those of the table of
/// candidates in tests/runtime/cuda/CMakeLists.txt.
struct Made {
    const char *problem, *generator, *knobs, *text;
};
const Made kConv = {
    "fprop_n1ci8ih5iw5co16kh3kw3s1p1_bf16_nhwc", "conv2d",
    "co:32,px:32,co_t:32,px_t:16,chunk:16,stages:2,mma:2",
    "conv2d_gemm_nhwc_bf16_cuda_co_32_px_32_co_t_32_px_t_16_chunk_16_stages_2_mma_2"};
const Made kWgrad = {
    "wgrad_n1ci8ih5iw5co16kh3kw3s1p1_f16_nhwc", "conv2d_wgrad",
    "co:32,e:32,co_t:32,e_t:16,chunk:16,vec:8,async:1,stages:2,mma:2",
    "conv2d_wgrad_gemm_nhwc_f16_cuda_co_32_e_32_co_t_32_e_t_16_chunk_16_vec_8_async_1_stages_2_"
    "mma_2"};

const Made kBytes = {"fprop_n2ci20ih6iw5co36kh3kw3s1p1_f32_nhwc_dot_s8x2", "byte_gemm_nhwc",
                     "co:32,co_t:8,chunk:8,vec:4,stages:2",
                     "byte_gemm_dot_s8_nhwc_cuda_co_32_co_t_8_chunk_8_vec_4_stages_2"};

class MadeChoicesCuda : public TunedChoices {
protected:
    void SetUp() override {
        TunedChoices::SetUp();
        tools_ = test_cuda_kernel_tools();
        if (tools_.nvrtc.empty()) GTEST_SKIP() << "There is no NVRTC.";
    }

    template<typename Params>
    static std::string candidate(const Made &made) {
        return candidate_kind(made.generator) + "/" +
               format_params(parse_params<Params>(made.knobs));
    }
    /// Makes the kernel where choices are looked for.
    LoadableKernel make(const Made &made, const std::string &candidate) {
        MeasureJob job =
            std::get<MeasureJob>(job_of(parse_operator_problem(made.problem), 0, candidate));
        EXPECT_EQ(job.shipped, "");
        emulated_kernels()[job.made_cuda->symbol + "_0"] =
            emulated_kernels().at(std::string(made.text) + "_0");
        const Making making{tools_, made_kernels_folder(), kArchitecture};
        if (const auto why = make_kernel(job, making)) throw std::runtime_error(why->reason);
        return *job.made_cuda;
    }
    static std::string identity() {
        const Device &device = emulated_device();
        return gpu_identity(device.name, device.multiprocessors);
    }
    static void expect_exact(const KernelCall &call) {
        const ConvValues values = integer_values(call.problem, 1);
        CallTensors tensors(call.problem, values, {}, call.workspace());
        CallContext context;
        ASSERT_TRUE(tensors.run(call, context)) << context.error();
        EXPECT_EQ(tensors.result(), naive_conv2d(call.problem, values));
        EXPECT_TRUE(tensors.redzones_intact());
    }

    KernelTools tools_;
    UseEmulatedDriver driver_;
};

TEST_F(MadeChoicesCuda, RunAndAreExact) {
    const std::string conv = candidate<Conv2dCudaParams>(kConv),
                      wgrad = candidate<Conv2dWgradCudaParams>(kWgrad);
    const LoadableKernel conv_kernel = make(kConv, conv), wgrad_kernel = make(kWgrad, wgrad);
    TunedChoices::write({choice(kConv.problem, 0, conv, artifact_of(conv_kernel), identity()),
                         choice(kWgrad.problem, 0, wgrad, artifact_of(wgrad_kernel), identity())});
    const ConvProblem fprop = parse_problem(kConv.problem), grad = parse_problem(kWgrad.problem);
    const auto [count, sentence] = notices_of([&] {
        const ConvPlan plan = conv_plan(fprop, emulated_device());
        EXPECT_EQ(plan.kernels(), conv_kernel.symbol);
        EXPECT_TRUE(plan.schedules().ends_with(" (tuned)"));
        expect_exact({fprop, {}, {}, {}, GpuPlans{plan, {}, {}}});
        const WgradPlan grad_plan = wgrad_plan(grad, emulated_device());
        ASSERT_EQ(grad_plan.kernels(), wgrad_kernel.symbol);
        expect_exact({grad, {}, {}, {}, GpuPlans{{}, grad_plan, {}}});
    });
    EXPECT_EQ(count, 0u) << sentence;
    EXPECT_EQ(driver_->launches.front().device, 0);
}

TEST_F(MadeChoicesCuda, OfBytesRunAndAreExact) {
    const std::string candidate = MadeChoicesCuda::candidate<ByteGemmCudaParams>(kBytes);
    const LoadableKernel kernel = make(kBytes, candidate);
    TunedChoices::write({choice(kBytes.problem, 0, candidate, artifact_of(kernel), identity())});
    const OperatorProblem problem = parse_operator_problem(kBytes.problem);
    const auto model = byte_model(*problem.bytes(), 1);
    const BytePlan plan = byte_plan(problem.sizes, model->device, emulated_device(), {});
    ASSERT_NE(plan.kernel, nullptr) << plan.reason;
    EXPECT_EQ(plan.kernel->name, kernel.symbol);
    EXPECT_STREQ(plan.mark, " (tuned)");
    const auto call_of = [&](const ConvProblem &p) -> std::optional<KernelCall> {
        const BytePlan by_it =
            byte_plan_with(*plan.kernel, p, model->device, emulated_device(), {});
        return KernelCall{p, {}, {}, {}, GpuPlans{{}, {}, {}, {}, by_it}, {}, nullptr, model};
    };
    EXPECT_EQ(why_wrong(call_of, problem.sizes, *call_of(problem.sizes)), "");
}

TEST_F(MadeChoicesCuda, WithoutTheRecordedFilesTheCostModelChooses) {
    const std::string name =
        "conv2d.cuda/" +
        format_params(parse_params<Conv2dCudaParams>("engine:1,co:32,px:32,co_t:4,px_t:4,chunk:8"));
    const char *const problem = "fprop_n1ci6ih5iw5co6kh3kw3s1p1_f32_nchw";
    MeasureJob job = std::get<MeasureJob>(job_of(parse_operator_problem(problem), 0, name));
    ASSERT_EQ(job.shipped, "");
    const Making making{tools_, made_kernels_folder(), kArchitecture};
    const auto failure = make_kernel(job, making);
    ASSERT_FALSE(failure) << failure->reason;
    const LoadableKernel made = *job.made_cuda;
    const ConvProblem p = parse_problem(problem);
    const std::string best = conv_plan(p, emulated_device()).kernels();
    const auto expect_notice = [&](const std::string &artifact, const std::string &part) {
        const auto [count, sentence] = notices_of([&] {
            TunedChoices::write(problem, 0, name, artifact, identity());
            EXPECT_EQ(conv_plan(p, emulated_device()).kernels(), best);
        });
        EXPECT_EQ(count, 1u) << part;
        EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
        EXPECT_EQ(sentence.back(), '.') << sentence;
    };
    // As searches recorded it before images counted.
    expect_notice(made.sha256, "without the SHA-256 of its shared object and its images");
    expect_notice(std::string(64, '1') + made.images_sha256, "SHA-256");
    write_bytes(made.images_path, file_bytes(made.images_path) + "x");
    expect_notice(artifact_of(made), "kernel images");
    std::filesystem::remove(made.images_path);
    EXPECT_THROW(choose_in_process(problem, 0, name, artifact_of(made)), std::runtime_error);
    // The files as they were: the choice is taken, and no search was needed.
    ASSERT_FALSE(make_kernel(job, making));
    EXPECT_EQ(artifact_of(*job.made_cuda), artifact_of(made));
    TunedChoices::write(problem, 0, name, artifact_of(made), identity());
    EXPECT_EQ(conv_plan(p, emulated_device()).kernels(), made.symbol);
}

}  // namespace
}  // namespace convwright::cuda
