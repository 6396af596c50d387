// SPDX-License-Identifier: Apache-2.0
#include "autotune/cuda_tasks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "autotune/cuda_spaces.h"
#include "runtime/cuda/approx_plan.h"
#include "runtime/cuda/byte_plan.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/wgrad_pass.h"
#include "tests/autotune/refusal.h"

namespace convwright {
namespace {

constexpr char kFprop[] = "fprop_n1ci8ih5iw5co16kh3kw3s1p1_f32_nhwc";
constexpr char kDgrad[] = "dgrad_n1ci8ih6iw6co8kh3kw3s2p1_f32_nhwc";
constexpr char kWgrad[] = "wgrad_n1ci8ih5iw5co8kh3kw3s1p1_f32_nchw";
constexpr char kSum[] = "wsum2d:fprop_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc_bias";
constexpr char kGradients[] = "wsum2d:dgrad_n1ci8ih5iw5co12kh3kw3s1p1_f32_nhwc";

/// Problems of channels that come in eights, and of others.
const std::vector<std::string> kShortProblems = {
    "fprop_n8ci64ih28iw28co128kh3kw3s1p1_bf16_nhwc", "fprop_n8ci3ih32iw32co64kh7kw7s2p3_f16_nhwc",
    "dgrad_n8ci64ih28iw28co64kh3kw3s2p1_f16_nhwc", "wgrad_n8ci64ih28iw28co128kh3kw3s1p1_bf16_nhwc",
    "wgrad_n8ci3ih32iw32co64kh7kw7s2p3_f16_nhwc"};

/// Approximate convolutions: channels in fours and not, products that the library has for the format and not.
const std::vector<std::string> kProductProblems = {
    "fprop_n8ci64ih28iw28co128kh3kw3s1p1_f32_nhwc_bias_mbm",
    "fprop_n8ci3ih32iw32co64kh7kw7s2p3_f32_nhwc_roba",
    "fprop_n1ci8ih6iw6co16kh3kw3s1p1_f32_nchw_mitchell",
    "dgrad_n8ci64ih28iw28co64kh3kw3s2p1_f32_nhwc_mitchell",
    "dgrad_n1ci6ih6iw6co6kh3kw3s1p1_f32_nchw_log_bits",
    "wgrad_n4ci16ih28iw28co32kh3kw3s1p1_f32_nhwc_mitchell_zeros"};

/// Why there is no space for the pass, as a sentence; empty if there is one.
std::string why_none(const std::string &text, int phase, const cuda::Device &gpu) {
    return refusal([&](const std::string &t) { cuda_space(parse_operator_problem(t), phase, gpu); },
                   text);
}

void expect_part(const std::string &sentence, const std::string &part) {
    EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
    EXPECT_EQ(sentence.back(), '.') << sentence;
}

/// Legal points whose text has the part.
int64_t count_with(const Space &space, const std::string &part) {
    return std::ranges::count_if(space.legal(), [&](Point point) {
        return space.text(point).find(part) != std::string::npos;
    });
}

/// The default is a point, and all points with a schedule have a prediction.
void expect_ranked(const Space &space, const std::string &text, const cuda::Device &gpu) {
    const Subject &subject = space.subject();
    const auto untuned = space.parse(
        untuned_cuda_candidate({subject, parse_operator_problem(text), 0, "fused"}, gpu));
    ASSERT_TRUE(untuned) << text;
    EXPECT_TRUE(space.is_legal(*untuned)) << text << ": " << space.why_illegal(*untuned);
    for (const Point point : space.legal()) {
        if (!is_algorithm(space.text(point))) {
            EXPECT_GT(space.predicted(point), 0);
        }
    }
}

TEST(CudaSpaces, HoldEachKernelOnceAndTheLibrarysChoice) {
    for (const int architecture : {75, 90}) {
        const cuda::Device gpu = nominal_gpu(architecture);
        for (const char *text : {kFprop, kDgrad, kWgrad, kSum, kGradients}) {
            const Space space = cuda_space(parse_operator_problem(text), 0, gpu);
            expect_ranked(space, text, gpu);
            EXPECT_GT(space.legal().size(), text == kSum ? 5u : 50u) << text;
            EXPECT_EQ(count_with(space, "mma:1") + count_with(space, "mma:2"), 0) << text;
            if (text == kFprop || text == kDgrad) {
                EXPECT_EQ(count_with(space, "engine:0"), 1) << text;
            }
        }
    }
}

TEST(CudaSpaces, HavePytorchWhereOnePassIsAllOfAnExactConvolution) {
    const cuda::Device gpu = nominal_gpu(80);
    const auto names = [&](const std::string &text, int phase) {
        std::vector<std::string> names;
        const Space space = cuda_space(parse_operator_problem(text), phase, gpu);
        for (const SpaceKind &kind : space.kinds()) names.push_back(kind.name);
        return names;
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(names(kFprop, 0), (Names{kPytorchKind, "conv2d.cuda"}));
    EXPECT_EQ(names(kWgrad, 0), (Names{kPytorchKind, "conv2d_wgrad.cuda"}));
    EXPECT_EQ(names(kShortProblems.front(), 0), (Names{kPytorchKind, "conv2d.cuda"}));
    EXPECT_EQ(names(kDgrad, 0), Names{"conv2d.cuda"});
    EXPECT_EQ(names(kDgrad, kWholeProblem), (Names{kPytorchKind, "passes"}));
    EXPECT_EQ(names(kProductProblems.front(), 0),
              (Names{"approx_gemm_nhwc.cuda", "approx_gemm_nchw.cuda"}));
    expect_part(why_none(kFprop, kWholeProblem, gpu), "it has one pass");
    expect_part(why_none(kWgrad, kWholeProblem, gpu), "it has one pass");
    expect_part(why_none(kSum, kWholeProblem, gpu), "it has one pass, 0");
    expect_part(why_none(kProductProblems.front(), kWholeProblem, gpu), "it has one pass");
}

/// The kinds of a space by name, those that are legal.
std::vector<std::string> legal_kinds(const Space &space) {
    std::set<int> kinds;
    for (const Point point : space.legal()) kinds.insert(space.kind_of(point));
    std::vector<std::string> names;
    for (const int kind : kinds) names.push_back(space.kinds()[kind].name);
    return names;
}

TEST(CudaSpaces, OfTwoConvolutionsInARowHoldAlgorithms) {
    using Names = std::vector<std::string>;
    const cuda::Device gpu = nominal_gpu(80);
    const std::string sum = kSum, contiguous = replaced(sum, "nhwc", "nchw");
    const auto of_task = [&](const std::string &text) {
        return legal_kinds(cuda_space_of({{text, 0}, parse_operator_problem(text)}, gpu));
    };
    const Names plain = {"pytorch", "unfused", "composed"};
    const Names with_kernels = {"pytorch", "unfused", "composed", "weighted_sum.cuda"};
    const Names with_fused = {"pytorch", "unfused", "composed", "fused"};
    EXPECT_EQ(of_task(sum), with_kernels);
    EXPECT_EQ(of_task(replaced(sum, "fprop", "step")), with_fused);
    EXPECT_EQ(of_task(replaced(sum, "wsum2d", "dwsep2d")), plain);
    EXPECT_EQ(of_task(replaced(replaced(sum, "wsum2d", "dwsep2d"), "fprop", "step")), plain);
    // Where the library has no kernel to verify others by nothing is fused, whatever schedules could do.
    EXPECT_EQ(of_task(contiguous), plain);
    EXPECT_EQ(of_task(replaced(contiguous, "fprop", "step")), plain);
    const std::string even = replaced(sum, "kh3kw3s1p1", "kh4kw4s1p1");
    EXPECT_EQ(legal_kinds(cuda_space(parse_operator_problem(even), 0, gpu)), with_kernels);
    EXPECT_EQ(of_task(even), plain);
    // As the dispatcher in Python says; a step's kernel is that of its forward.
    const auto untuned = [&](const std::string &text, const char *kind) {
        return untuned_cuda_candidate({{text, 0}, parse_operator_problem(text), 0, kind}, gpu);
    };
    for (const char *kind : {"unfused", "composed", ""}) {
        EXPECT_EQ(untuned(sum, kind), kind);
        EXPECT_EQ(untuned(replaced(sum, "wsum2d:fprop", "dwsep2d:step"), kind), kind);
    }
    EXPECT_EQ(untuned(sum, "fused").rfind("weighted_sum.cuda/", 0), 0u);
    EXPECT_EQ(untuned(replaced(sum, "fprop", "step"), "fused"), "fused");
    EXPECT_EQ(untuned(contiguous, "fused"), "unfused");
}

TEST(CudaSpaces, OfShortFloatsAreTensorCoresAndTheDirectEngine) {
    for (const int architecture : {80, 90}) {
        const cuda::Device gpu = nominal_gpu(architecture);
        for (const std::string &text : kShortProblems) {
            const ConvProblem problem = parse_problem(text);
            const size_t passes = text[0] == 'd' ? 4 : 1;
            for (size_t phase = 0; phase < passes; phase++) {
                const Space space = cuda_space(problem, static_cast<int>(phase), gpu);
                expect_ranked(space, text, gpu);
                const auto legal =
                    static_cast<int64_t>(space.legal().size()) - count_with(space, kPytorchKind);
                EXPECT_GT(legal, 500) << text;
                const int64_t direct = count_with(space, "engine:0");
                EXPECT_EQ(direct, text[0] == 'w' ? 0 : 1) << text;
                EXPECT_EQ(count_with(space, "mma:2"), legal - direct) << text;
            }
        }
    }
}

TEST(CudaSpaces, OfShortFloatsHaveVectorsWhereChannelsComeInEights) {
    const cuda::Device gpu = nominal_gpu(80);
    for (const std::string &text : kShortProblems) {
        const Space space = cuda_space(parse_problem(text), 0, gpu);
        EXPECT_EQ(count_with(space, "vec:8") > 0, text.find("ci3") == std::string::npos) << text;
        EXPECT_GT(count_with(space, "vec:1"), 0) << text;
    }
}

/// Knob values that spaces of short floats leave out: each legal schedule with one of them is illegal.
template<typename Params, typename WhyIllegal>
void expect_nothing_legal_left_out(const Space &space, WhyIllegal why_illegal) {
    const SpaceKind &kind = space.kinds().back();
    int64_t left_out = 0;
    for (size_t i = 0; i < kind.knobs.size(); i++) {
        const Knob<Params> &knob = Params::knobs()[i];
        ASSERT_EQ(knob.name, kind.knobs[i].name);
        // Those of strips would be the same kernel again.
        if (kind.knobs[i].values.size() == 1 &&
            (kind.knobs[i].name == "shares" || kind.knobs[i].name == "px_t"))
            continue;
        for (const int value : knob.values) {
            if (std::ranges::count(kind.knobs[i].values, value) > 0) continue;
            left_out++;
            constexpr size_t kStep = 10;  // of thousands
            for (size_t i = 0; i < space.legal().size(); i += kStep) {
                const std::string text = space.text(space.legal()[i]);
                if (is_algorithm(text)) continue;
                auto params = parse_params<Params>(text.substr(text.find('/') + 1));
                params.*knob.member = value;
                ASSERT_NE(why_illegal(params), nullptr) << format_params(params);
            }
        }
    }
    EXPECT_GT(left_out, 5);
}

TEST(CudaSpaces, OfShortFloatsLeaveOutNothingThatIsLegal) {
    const cuda::Device gpu = nominal_gpu(80);
    for (const std::string &text : kShortProblems) {
        const ConvProblem problem = parse_problem(text);
        const Space space = cuda_space(problem, 0, gpu);
        if (problem.direction == Direction::kWgrad) {
            expect_nothing_legal_left_out<Conv2dWgradCudaParams>(space, [&](const auto &params) {
                return params.why_illegal(problem, 80, gpu.shared_bytes);
            });
            continue;
        }
        const ConvPass pass = conv_passes(problem).front();
        expect_nothing_legal_left_out<Conv2dCudaParams>(space, [&](const auto &params) {
            // Without tensor cores there is the direct engine, whose knobs say nothing.
            return params.mma == 0 ? "it is that point again"
                                   : params.why_illegal(pass, problem.format, 80, gpu.shared_bytes);
        });
    }
}

TEST(CudaSpaces, OfProductsHoldKernelsOfBothFormats) {
    const cuda::Device gpu = nominal_gpu(80);
    for (const std::string &text : kProductProblems) {
        const OperatorProblem problem = parse_operator_problem(text);
        const size_t passes = problem.sizes.stride_h > 1 && text[0] == 'd' ? 4 : 1;
        for (size_t phase = 0; phase < passes; phase++) {
            const Space space = cuda_space(problem, static_cast<int>(phase), gpu);
            EXPECT_EQ(space.subject().problem, text);
            expect_ranked(space, text, gpu);
            EXPECT_GT(space.legal().size(), 500u) << text;
            for (const std::string format : {"nhwc", "nchw"}) {
                EXPECT_GT(count_with(space, "approx_gemm_" + format + ".cuda/"), 100) << text;
                const Format made_for = format == "nhwc" ? Format::kNhwc : Format::kNchw;
                // Vectors are of channels, and for tensors of their format: of outputs alone where 3 channels are read.
                const bool vectors =
                    made_for == Format::kNhwc && made_for == problem.sizes.format && text[0] != 'w';
                int64_t with_vectors = 0;
                for (const Point point : space.legal()) {
                    const std::string candidate = space.text(point);
                    with_vectors += candidate.find(format + ".cuda") != std::string::npos &&
                                    candidate.find("vec:4") != std::string::npos;
                }
                EXPECT_EQ(with_vectors > 0, vectors) << text << " " << format;
            }
            EXPECT_EQ(count_with(space, "split:1"), 0) << text;
        }
    }
}

TEST(CudaSpaces, OfProductsLeaveOutNothingThatIsLegal) {
    const cuda::Device gpu = nominal_gpu(80);
    for (const std::string &text : kProductProblems) {
        const OperatorProblem problem = parse_operator_problem(text);
        const ConvPass pass = product_passes(problem.sizes).front();
        const Space space = cuda_space(problem, 0, gpu);
        expect_nothing_legal_left_out<Conv2dCudaParams>(space, [&](const auto &params) {
            const auto why = [&](Format format) {
                return cuda::why_no_product_kernel(params, format, problem.sizes, pass, gpu);
            };
            return why(Format::kNhwc) == nullptr ? nullptr : why(Format::kNchw);
        });
    }
}

TEST(CudaSpaces, OfProductsRankAsThePlanDoes) {
    const cuda::Device gpu = nominal_gpu(80);
    const OperatorProblem problem = parse_operator_problem(kProductProblems.front());
    const Space space = cuda_space(problem, 0, gpu);
    const TuningTask task{space.subject(), problem, 0};
    const Point untuned = *space.parse(untuned_cuda_candidate(task, gpu));
    std::vector<std::string> left_out;
    const auto tasks = cuda_tuning_tasks({{problem, 3}}, gpu, left_out);
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_DOUBLE_EQ(tasks.front().weight, 3 * space.predicted(untuned));
    // Of the library's kernels with this product none is predicted to be faster.
    for (const cuda::ProductKernel &kernel : cuda::product_kernels()) {
        const auto point =
            space.parse(cuda::product_candidate_kind(kernel.format) + "/" + kernel.schedule);
        if (kernel.product != problem.product || !point || !space.is_legal(*point)) continue;
        EXPECT_GE(space.predicted(*point), space.predicted(untuned)) << kernel.name;
    }
}

TEST(CudaSpaces, OfGradientsHoldTheTwoPassesToo) {
    const cuda::Device gpu = nominal_gpu(90);
    const Space space = cuda_space(parse_operator_problem(kGradients), 0, gpu);
    const auto unfused = space.parse("unfused");
    ASSERT_TRUE(unfused);
    EXPECT_TRUE(space.is_legal(*unfused));
    // What a plan takes without tuning is what is predicted to be the fastest of the library.
    const auto untuned = [&](const std::string &text) {
        return untuned_cuda_candidate({{text, 0}, parse_operator_problem(text)}, gpu);
    };
    const Point fused = *space.parse(untuned(kGradients));
    EXPECT_NE(fused, *unfused);
    EXPECT_LT(
        space.predicted(fused),
        cuda::weighted_sum_grad_passes(parse_operator_problem(kGradients).sizes, gpu).cycles());
    for (const cuda::WeightedSumGradKernel &kernel : cuda::weighted_sum_grad_kernels()) {
        const auto point = space.parse("weighted_sum_grad.cuda/" + kernel.schedule);
        ASSERT_TRUE(point) << kernel.name;
        if (space.is_legal(*point)) {
            EXPECT_GE(space.predicted(*point), space.predicted(fused)) << kernel.name;
        }
    }
    EXPECT_EQ(untuned("wsum2d:dgrad_n8ci2048ih32iw32co32kh3kw3s1p1_f32_nhwc"), "unfused");
}

TEST(CudaSpaces, OfAStepHaveThoseOfItsGradientsBeforeThem) {
    const cuda::Device gpu = nominal_gpu(90);
    std::string why;
    const auto tasks_of = [&](const std::string &text, double count, const char *kind = "") {
        std::vector<std::string> left_out;
        auto tasks =
            cuda_tuning_tasks({{parse_operator_problem(text), count, kind}}, gpu, left_out);
        why = left_out.empty() ? "" : left_out.front();
        return tasks;
    };
    const auto task_of = [&](const std::string &text, double count) {
        const auto tasks = tasks_of(text, count);
        return tasks.empty() ? TuningTask{} : tasks.front();
    };
    const TuningTask once = task_of(kGradients, 1);
    EXPECT_EQ(once.subject.problem, kGradients);
    EXPECT_GT(once.weight, 0);
    const std::string step = replaced(kSum, "fprop", "step");
    const auto of_step = tasks_of(step, 3, "unfused");
    ASSERT_EQ(of_step.size(), 2u);
    EXPECT_EQ(of_step[0].subject, once.subject);
    EXPECT_DOUBLE_EQ(of_step[0].weight, 3 * once.weight);
    EXPECT_EQ(of_step[1].subject, (Subject{step, 0}));
    EXPECT_EQ(of_step[1].weight, 0);
    EXPECT_EQ(of_step[1].kind, "unfused");
    EXPECT_EQ(why, "");
    // What runs as one dense convolution has no gradient of z; contiguous tensors have no kernel for both.
    for (const auto &[text, kind] :
         {std::pair(step, "composed"), std::pair(replaced(step, "nhwc", "nchw"), "unfused")}) {
        const auto alone = tasks_of(text, 1, kind);
        ASSERT_EQ(alone.size(), 1u) << text;
        EXPECT_EQ(alone[0].subject.problem, text);
        EXPECT_EQ(why, "");
    }
    // Behind the passes that it is compared with, whatever its weight; algorithms come behind all of them.
    std::vector<std::string> left_out;
    const auto sorted = cuda_tuning_tasks({{parse_operator_problem(step), 1e9},
                                           {parse_operator_problem(kSum), 1e9},
                                           {parse_problem(kDgrad), 1}},
                                          gpu, left_out);
    std::vector<std::string> names;
    for (const TuningTask &task : sorted)
        if (names.empty() || names.back() != task.subject.problem)
            names.push_back(task.subject.problem);
    ASSERT_EQ(names.size(), 4u);
    EXPECT_EQ(names[0], kDgrad);
    EXPECT_EQ(std::set(names.begin() + 1, names.end() - 1),
              (std::set<std::string>{kSum, kGradients}));
    EXPECT_EQ(names[3], step);
    const auto tasks =
        cuda_tuning_tasks({{parse_operator_problem(kGradients), 1e9},
                           {parse_problem("dgrad_n1ci8ih5iw5co12kh1kw1s1p0_f32_nhwc")}},
                          gpu, left_out);
    ASSERT_EQ(tasks.size(), 2u);
    EXPECT_EQ(tasks[1].subject, once.subject);
    // More channels of z than the library's kernels have: made ones compete with the two passes.
    const TuningTask wide = task_of(replaced(kGradients, "co12", "co128"), 1);
    EXPECT_EQ(untuned_cuda_candidate(wide, gpu), "unfused");
    EXPECT_GT(wide.weight, 0);
    task_of(replaced(kGradients, "co12", "co132"), 1);
    expect_part(why, "no fused CUDA kernel computes it");
}

const std::string kByteSizes = "fprop_n8ci64ih28iw28co128kh3kw3s1p1_f32_nhwc";

TEST(CudaSpaces, OfBytesHoldWhatTheirProductsCanDo) {
    for (const int architecture : {75, 80, 90}) {
        const cuda::Device gpu = nominal_gpu(architecture);
        for (const std::string format : {"nhwc", "nchw"})
            for (const std::string product :
                 {"dot_s8", "dot_s8x5", "dot_u8", "table16", "table32"}) {
                const std::string text = replaced(kByteSizes, "nhwc", format) + "_" + product;
                const Space space = cuda_space(parse_operator_problem(text), 0, gpu);
                EXPECT_EQ(space.subject().problem, text);
                expect_ranked(space, text, gpu);
                EXPECT_GT(space.legal().size(), 100u) << text;
                const bool dots = product[0] == 'd';
                // Look-ups go along pixels: a kernel for nhwc would be the same one again.
                EXPECT_EQ(space.kinds().size(), dots ? 2u : 1u) << text;
                EXPECT_EQ(count_with(space, "byte_gemm_nhwc.cuda/") > 100, dots) << text;
                EXPECT_GT(count_with(space, "byte_gemm_nchw.cuda/"), 100) << text;
                EXPECT_EQ(count_with(space, "vec:4") > 0, dots && format == "nhwc") << text;
                // 128 KB of shared memory are more than sm_75 has.
                EXPECT_EQ(count_with(space, "staged:1") > 0,
                          product == "table16" && architecture != 75)
                    << text;
            }
    }
}

TEST(CudaSpaces, OfBytesRankAsThePlanDoes) {
    const cuda::Device gpu = nominal_gpu(80);
    for (const std::string product : {"dot_s8x3", "table16"}) {
        const OperatorProblem problem = parse_operator_problem(kByteSizes + "_" + product);
        const Space space = cuda_space(problem, 0, gpu);
        const TuningTask task{space.subject(), problem, 0};
        const Point untuned = *space.parse(untuned_cuda_candidate(task, gpu));
        std::vector<std::string> left_out;
        const auto tasks = cuda_tuning_tasks({{problem, 3}, {problem, 1}}, gpu, left_out);
        ASSERT_EQ(tasks.size(), 1u);
        EXPECT_DOUBLE_EQ(tasks.front().weight, 4 * space.predicted(untuned));
        for (const cuda::ByteKernel &kernel : cuda::byte_kernels()) {
            const auto point =
                space.parse(cuda::byte_candidate_kind(kernel.format) + "/" + kernel.schedule);
            if (kernel.product != problem.bytes()->name || !space.is_legal(*point)) continue;
            EXPECT_GE(space.predicted(*point), space.predicted(untuned)) << kernel.name;
        }
    }
}

TEST(CudaSpaces, RefuseWhatHasNoKernels) {
    const cuda::Device gpu = nominal_gpu(90);
    expect_part(why_none(kFprop, 1, gpu), "there is no pass 1");
    expect_part(why_none("dgrad_n1ci1ih999iw999co1kh1kw1s999p0_f32_nhwc", 0, gpu),
                "more than 4096 phases");
    expect_part(why_none(kSum, 1, gpu), "it has one pass, 0");
    expect_part(why_none(kProductProblems.front(), 1, gpu), "_mbm': there is no pass 1");
    expect_part(why_none("fprop_n64ci512ih300iw300co8kh1kw1s1p0_f32_nhwc_mbm", 0, gpu),
                "fewer than 2^31 elements");
    expect_part(why_none(kByteSizes + "_dot_s8", 1, gpu), "_dot_s8': there is no pass 1");
    expect_part(why_none("fprop_n64ci512ih200iw200co8kh1kw1s1p0_f32_nhwc_dot_s8x9", 0, gpu),
                "fewer than 2^31 bytes");
    expect_part(why_none(replaced(kSum, "fprop", "step"), 1, gpu), "it has one pass, 0");
    expect_part(why_none(kGradients, 1, gpu), "it has one pass, 0");
    expect_part(why_none(replaced(kGradients, "nhwc", "nchw"), 0, gpu), "only channels_last");
    std::vector<std::string> left_out;
    const auto tasks =
        cuda_tuning_tasks({{parse_problem(kFprop), 1},
                           {parse_operator_problem(replaced(kGradients, "nhwc", "nchw"))},
                           {parse_problem(kDgrad), 2}},
                          gpu, left_out);
    ASSERT_EQ(left_out.size(), 1u);
    expect_part(left_out[0], "only channels_last is fused");
    // One pass, the four of a strided gradient, and that gradient as a whole.
    ASSERT_EQ(tasks.size(), 6u);
    EXPECT_EQ(tasks.back().subject, (Subject{kDgrad, kWholeProblem}));
    EXPECT_EQ(tasks.back().weight, 0);
    EXPECT_EQ(untuned_cuda_candidate(tasks.back(), gpu), "passes");
}

TEST(CudaSpaces, TasksOfAWgradAreComparedOnTheImagesOfTheModel) {
    const std::string images = "wgrad_n4ci8ih6iw6co16kh1kw1s1p0_f32_nhwc";
    std::vector<std::string> left_out;
    const auto tasks = cuda_tuning_tasks({{parse_problem(images)}}, nominal_gpu(80), left_out);
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_EQ(tasks.front().subject.problem,
              format_problem(tuned_subject(parse_operator_problem(images))));
    EXPECT_NE(tasks.front().subject.problem, images);
    EXPECT_EQ(format_problem(tasks.front().called.value()), images);
}

TEST(CudaSpaces, RefuseShortFloatsThatPyTorchComputes) {
    const std::string bf16 = replaced(kFprop, "f32", "bf16");
    const std::vector<std::pair<std::string, std::string>> refused = {
        {replaced(bf16, "nhwc", "nchw"), "are channels_last"},
        {"fprop_n1ci8ih5iw5co8kh3kw3s1p1g8_f16_nhwc", "groups of 8 channels or more"},
        {"fprop_n64ci512ih200iw200co8kh1kw1s1p0_bf16_nhwc", "up to 2^30 elements"},
        {replaced(kSum, "f32", "bf16"), "in a row are computed in float32 alone"},
        {replaced(replaced(kSum, "wsum2d:fprop", "dwsep2d:step"), "f32", "f16"), "float32 alone"},
        {replaced(kGradients, "f32", "bf16"), "fused CUDA kernels are float32"}};
    const cuda::Device gpu = nominal_gpu(90);
    std::vector<CountedProblem> problems = {{parse_problem(bf16)}};
    for (const auto &[text, part] : refused) {
        expect_part(why_none(text, 0, gpu), part);
        problems.push_back({parse_operator_problem(text)});
    }
    std::vector<std::string> left_out;
    EXPECT_EQ(cuda_tuning_tasks(problems, gpu, left_out).size(), 1u);
    ASSERT_EQ(left_out.size(), refused.size());
    for (size_t i = 0; i < refused.size(); i++) expect_part(left_out[i], refused[i].second);
    // Not on this GPU, whatever the sizes.
    EXPECT_EQ(why_none(bf16, 0, nominal_gpu(80)), "");
    expect_part(why_none(bf16, 0, nominal_gpu(75)), "from compute capability 8.0 on");
    EXPECT_TRUE(cuda_tuning_tasks({{parse_problem(bf16)}}, nominal_gpu(75), left_out).empty());
}

}  // namespace
}  // namespace convwright
