// SPDX-License-Identifier: Apache-2.0
// What GPUs take of choices, without running it; made kernels are in made_choices_test.cpp.
#include "runtime/cuda/tuned_choices.h"

#include <algorithm>

#include "runtime/cuda/approx_plan.h"
#include "runtime/cuda/byte_plan.h"
#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/weighted_sum_grad.h"
#include "runtime/cuda/wgrad_plan.h"
#include "tests/runtime/tuned_choices_fixture.h"

namespace convwright::cuda {
namespace {

constexpr char kFprop[] = "fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc";
constexpr char kStrided[] = "dgrad_n2ci8ih9iw9co8kh3kw3s2p1_f32_nhwc";
constexpr char kWgrad[] = "wgrad_n2ci8ih9iw11co16kh1kw1s1p0_f32_nhwc";
constexpr char kDepthwise[] = "fprop_n8ci64ih28iw28co64kh3kw3s1p1g64_f32_nhwc";
constexpr char kSum[] = "wsum2d:fprop_n2ci8ih12iw12co32kh3kw3s1p1_f32_nhwc";
constexpr char kGradients[] = "wsum2d:dgrad_n8ci32ih28iw28co32kh3kw3s1p1_f32_nhwc";
const std::string kGpu = "gpu/Some GPU/sms=108";

Device gpu(const std::string &name = "Some GPU", int multiprocessors = 108) {
    Device device;
    device.compute_capability = 80, device.multiprocessors = multiprocessors, device.name = name;
    device.index = name == "Some GPU" ? 0 : 1;  // as on a machine with both
    return device;
}

template<typename Params>
std::string candidate(const char *generator, const Kernel<Params> &kernel) {
    return candidate_kind(generator) + "/" + kernel.schedule;
}

/// The last in the cost model's order, which it does not choose by itself, of those that are candidates: they count
/// elements in 32 bits.
const ConvKernel &last_conv(const char *problem) {
    const auto kernels = accepting_kernels(parse_problem(problem), gpu());
    return **std::find_if(kernels.rbegin(), kernels.rend(),
                          [](const ConvKernel *k) { return k->index_bits == 32; });
}
ConvPlan plan_of(const char *problem, const Device &device = gpu(), const Placed &placed = {},
                 bool tf32 = false) {
    return conv_plan(parse_problem(problem), device, placed, tf32);
}
std::string best_name(const char *problem) {
    return accepting_kernels(parse_problem(problem), gpu()).front()->name;
}

class TunedChoicesCuda : public TunedChoices {
protected:
    void TearDown() override { force_kernel(""); }

    static void write(const std::string &problem, int phase, const std::string &name,
                      const std::string &identity = kGpu) {
        TunedChoices::write(problem, phase, name, "", identity);
    }
};

TEST_F(TunedChoicesCuda, AnswerForTheirGpuAlone) {
    const ConvKernel &kernel = last_conv(kFprop);
    ASSERT_NE(kernel.name, best_name(kFprop));
    EXPECT_EQ(plan_of(kFprop).schedules().find('('), std::string::npos);
    const auto [count, sentence] = notices_of([&] {
        write(kFprop, 0, candidate("conv2d", kernel));
        EXPECT_EQ(plan_of(kFprop).kernels(), kernel.name);
        EXPECT_EQ(plan_of(kFprop).schedules(), kernel.schedule + " (tuned)");
        for (const Device &other : {gpu("Another GPU"), gpu("Some GPU", 114)})
            EXPECT_EQ(plan_of(kFprop, other).schedules().find('('), std::string::npos);
        EXPECT_EQ(convwright::conv_plan(parse_problem(kFprop), true).schedules().find('('),
                  std::string::npos);
        // Bias and ReLU are other problems.
        EXPECT_EQ(plan_of((std::string(kFprop) + "_bias").c_str()).kernels(), best_name(kFprop));
    });
    EXPECT_EQ(count, 0u) << sentence;
}

TEST_F(TunedChoicesCuda, AndThoseOfCpusLieSideBySide) {
    const std::string cpu = accepting_kernels(parse_problem(kFprop)).back().name;
    const auto of_cpu =
        std::find_if(convwright::conv_kernels().begin(), convwright::conv_kernels().end(),
                     [&](const auto &k) { return k.name == cpu; });
    const ConvKernel &kernel = last_conv(kFprop);
    const auto [count, sentence] = notices_of([&] {
        TunedChoices::write(
            {choice(kFprop, 0, convwright::candidate("conv2d", *of_cpu), "", cpu_identity()),
             choice(kFprop, 0, candidate("conv2d", kernel), "", kGpu),
             choice(kFprop, 0, "pytorch", "", "gpu/Another GPU/sms=108")});
        EXPECT_EQ(convwright::conv_plan(parse_problem(kFprop), true).kernels(), cpu);
        EXPECT_EQ(plan_of(kFprop).kernels(), kernel.name);
    });
    EXPECT_EQ(count, 0u) << sentence;
    const ConvProblem problem = parse_problem(kFprop);
    EXPECT_FALSE(convwright::pytorch_was_chosen(problem));
    EXPECT_FALSE(pytorch_was_chosen(problem, gpu()));
    EXPECT_TRUE(pytorch_was_chosen(problem, gpu("Another GPU")));
}

TEST_F(TunedChoicesCuda, OnePassOfSeveralIsChosenByItself) {
    const std::vector<ConvStep> before = plan_of(kStrided).steps;
    ASSERT_EQ(before.size(), 4u);
    const ConvKernel &kernel = last_conv(kStrided);
    write(kStrided, 2, candidate("conv2d", kernel));
    const ConvPlan plan = plan_of(kStrided);
    for (size_t i = 0; i < 4; i++) {
        EXPECT_EQ(plan.steps[i].kernel, i == 2 ? &kernel : before[i].kernel);
        EXPECT_STREQ(plan.steps[i].mark, i == 2 ? " (tuned)" : "");
    }
    int64_t workspace = 0;
    for (const ConvStep &step : plan.steps) {
        const StepLayout layout(step);
        workspace = std::max(workspace, layout.packed_floats + layout.partial_floats);
    }
    EXPECT_EQ(plan.workspace, workspace);
}

TEST_F(TunedChoicesCuda, WgradIsKnownByItsLongRows) {
    const ConvProblem problem = parse_problem(kWgrad);
    ASSERT_NE(tuned_subject_text(problem), kWgrad);
    const std::vector<WgradPlan> plans = wgrad_plans(problem, gpu());
    const WgradKernel &kernel = *std::find_if(plans.rbegin(), plans.rend(), [](const auto &plan) {
                                     return plan.kernel->index_bits == 32;
                                 })->kernel;
    ASSERT_NE(wgrad_plan(problem, gpu()).kernel, &kernel);
    write(kWgrad, 0, candidate("conv2d_wgrad", kernel));
    EXPECT_EQ(wgrad_plan(problem, gpu()).kernel, &kernel);
    EXPECT_EQ(wgrad_plan(problem, gpu()).schedules(), kernel.schedule + " (tuned)");
    EXPECT_NE(wgrad_plan(problem, gpu("Another GPU")).kernel, &kernel);
}

TEST_F(TunedChoicesCuda, AWeightedSumTakesTheFusedKernel) {
    const ConvProblem sizes = parse_operator_problem(kSum).sizes;
    const WeightedSumKernel *usual = weighted_sum_plan(sizes, gpu(), {}).kernel, *other = nullptr;
    for (const WeightedSumKernel &kernel : weighted_sum_kernels())
        if (&kernel != usual && weighted_sum_plan_with(kernel, sizes, gpu(), {}).kernel != nullptr)
            other = &kernel;
    ASSERT_NE(other, nullptr);
    write(kSum, 0, candidate("weighted_sum", *other));
    EXPECT_EQ(weighted_sum_plan(sizes, gpu(), {}).kernel, other);
    EXPECT_EQ(weighted_sum_plan(sizes, gpu(), {}).schedule(), other->schedule + " (tuned)");
    EXPECT_EQ(weighted_sum_plan(sizes, gpu("Another GPU"), {}).kernel, usual);
}

WeightedSumGradPlan gradients_plan(const Device &device = gpu(), const Placed &placed = {},
                                   bool tf32 = false) {
    return weighted_sum_grad_plan(parse_operator_problem(kGradients).sizes, device, placed,
                                  /*keeps_z=*/true, tf32);
}

/// One that the plan does not choose by itself, with vectors or without.
const WeightedSumGradKernel &other_gradients_kernel(int vec) {
    const WeightedSumGradKernel *usual = gradients_plan().kernel;
    for (const WeightedSumGradKernel &kernel : weighted_sum_grad_kernels()) {
        const auto plan = weighted_sum_grad_plan_with(
            kernel, parse_operator_problem(kGradients).sizes, gpu(), {});
        if (&kernel != usual && plan.kernel != nullptr && kernel.params.vec == vec) return kernel;
    }
    throw std::runtime_error("there is no such kernel");
}

TEST_F(TunedChoicesCuda, GradientsOfAWeightedSumTakeTheFusedKernelOrNone) {
    const WeightedSumGradKernel *usual = gradients_plan().kernel;
    ASSERT_NE(usual, nullptr);
    EXPECT_EQ(gradients_plan().schedule(), usual->schedule);
    const WeightedSumGradKernel &other = other_gradients_kernel(4);
    const auto [count, sentence] = notices_of([&] {
        write(kGradients, 0, candidate("weighted_sum_grad", other));
        EXPECT_EQ(gradients_plan().kernel, &other);
        EXPECT_EQ(gradients_plan().schedule(), other.schedule + " (tuned)");
        EXPECT_EQ(gradients_plan(gpu("Another GPU")).kernel, usual);
        write(kGradients, 0, "unfused");
        EXPECT_EQ(gradients_plan().kernel, nullptr);
        EXPECT_EQ(gradients_plan().reason, "tuning found the two passes to be faster");
        EXPECT_EQ(gradients_plan(gpu("Another GPU")).kernel, usual);
        // Where the passes are predicted to be faster a measured kernel runs all the same.
        const std::string wide = "wsum2d:dgrad_n8ci2048ih32iw32co32kh3kw3s1p1_f32_nhwc";
        const ConvProblem sizes = parse_operator_problem(wide).sizes;
        EXPECT_EQ(weighted_sum_grad_plan(sizes, gpu(), {}, true, false).kernel, nullptr);
        write(wide, 0, candidate("weighted_sum_grad", *usual));
        EXPECT_EQ(weighted_sum_grad_plan(sizes, gpu(), {}, true, false).kernel, usual);
    });
    EXPECT_EQ(count, 0u) << sentence;
    choose_in_process(kGradients, 0, "unfused", "");
    EXPECT_EQ(gradients_plan(gpu("Another GPU")).kernel, nullptr);
    choose_in_process(kGradients, 0, "", "");
    EXPECT_THROW(choose_in_process(kGradients, 0, "pytorch", ""), std::runtime_error);
}

TEST_F(TunedChoicesCuda, GradientsOfAWeightedSumAreLeftAsideToo) {
    const WeightedSumGradKernel &vectors = other_gradients_kernel(4);
    write(kGradients, 0, candidate("weighted_sum_grad", vectors));
    Placed unaligned;
    unaligned.vectors = unaligned.output_vectors = unaligned.input_vectors = false;
    auto [count, sentence] = notices_of([&] {
        const WeightedSumGradPlan plan = gradients_plan(gpu(), unaligned);
        ASSERT_NE(plan.kernel, nullptr);
        EXPECT_EQ(plan.kernel->params.vec, 1);
        EXPECT_TRUE(plan.schedule().ends_with(kRefusedMark)) << plan.schedule();
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find(kGradients), std::string::npos) << sentence;
    EXPECT_TRUE(sentence.ends_with("make them contiguous.")) << sentence;
    // A kernel of another stride.
    std::tie(count, sentence) = notices_of([&] {
        for (const WeightedSumGradKernel &kernel : weighted_sum_grad_kernels())
            if (kernel.params.stride == 2)
                write(kGradients, 0, candidate("weighted_sum_grad", kernel));
        EXPECT_TRUE(gradients_plan().schedule().ends_with(kRefusedMark));
    });
    EXPECT_EQ(count, 1u);
    EXPECT_TRUE(sentence.ends_with("tune the problem again.")) << sentence;
}

TEST_F(TunedChoicesCuda, ShortFloatsHaveTheirOwn) {
    const char *const problem = "fprop_n8ci64ih28iw28co64kh3kw3s1p1_bf16_nhwc";
    const ConvKernel &kernel = last_conv(problem);
    ASSERT_NE(kernel.name, best_name(problem));
    write(problem, 0, candidate("conv2d", kernel));
    EXPECT_EQ(plan_of(problem).kernels(), kernel.name);
    EXPECT_EQ(plan_of("fprop_n8ci64ih28iw28co64kh3kw3s1p1_f16_nhwc").schedules().find('('),
              std::string::npos);
}

TEST_F(TunedChoicesCuda, PytorchMayBeChosenUnlessAKernelIsForced) {
    const ConvProblem problem = parse_problem(kFprop), strided = parse_problem(kStrided);
    write(kFprop, 0, "pytorch");
    EXPECT_TRUE(pytorch_was_chosen(problem, gpu()));
    EXPECT_FALSE(convwright::pytorch_was_chosen(problem));
    EXPECT_FALSE(pytorch_was_chosen(strided, gpu()));
    force_kernel(best_name(kFprop));
    EXPECT_FALSE(pytorch_was_chosen(problem, gpu()));
    force_kernel("");
    write(kStrided, kWholeProblem, "pytorch");
    EXPECT_TRUE(pytorch_was_chosen(strided, gpu()));
    // Whoever asks for a plan all the same gets the cost model's.
    EXPECT_EQ(plan_of(kStrided).schedules().find('('), std::string::npos);
}

TEST_F(TunedChoicesCuda, AForcedKernelWinsAndUnusedChoicesAreNotAsked) {
    const ConvKernel &kernel = last_conv(kFprop);
    write(kFprop, 0, candidate("conv2d", kernel));
    force_kernel(best_name(kFprop));
    EXPECT_EQ(plan_of(kFprop).kernels(), best_name(kFprop));
    force_kernel("");
    const unsigned generation = tuned_generation();
    use_tuned_choices(false);
    EXPECT_GT(tuned_generation(), generation);
    EXPECT_EQ(plan_of(kFprop).kernels(), best_name(kFprop));
    use_tuned_choices(true);
    EXPECT_EQ(plan_of(kFprop).kernels(), kernel.name);
}

TEST_F(TunedChoicesCuda, OfThisProcessGoBeforeTheTableOnEachGpu) {
    const ConvKernel &kernel = last_conv(kFprop);
    write(kFprop, 0, "pytorch");
    choose_in_process(kFprop, 0, candidate("conv2d", kernel), "");
    const ConvProblem problem = parse_problem(kFprop);
    EXPECT_FALSE(pytorch_was_chosen(problem, gpu()));
    for (const Device &device : {gpu(), gpu("Another GPU")})
        EXPECT_EQ(plan_of(kFprop, device).kernels(), kernel.name);
    EXPECT_EQ(convwright::conv_plan(problem, true).schedules().find('('), std::string::npos);
    // An algorithm is one of CPUs and GPUs.
    choose_in_process(kFprop, 0, "pytorch", "");
    EXPECT_TRUE(pytorch_was_chosen(problem, gpu("Another GPU")));
    EXPECT_TRUE(convwright::pytorch_was_chosen(problem));
    choose_in_process(kFprop, 0, "", "");
    EXPECT_TRUE(pytorch_was_chosen(problem, gpu()));
    EXPECT_FALSE(pytorch_was_chosen(problem, gpu("Another GPU")));
}

TEST_F(TunedChoicesCuda, WhatTensorsOrTheGpuDoNotAllowIsLeftAside) {
    const auto vectors = [](const ConvKernel *k) { return k->params.store_vector() == 4; };
    const auto kernels = accepting_kernels(parse_problem(kFprop), gpu());
    const ConvKernel &kernel = **std::find_if(kernels.begin(), kernels.end(), vectors);
    write(kFprop, 0, candidate("conv2d", kernel));
    EXPECT_EQ(plan_of(kFprop).kernels(), kernel.name);
    Placed unaligned;
    unaligned.vectors = unaligned.output_vectors = unaligned.input_vectors = false;
    auto [count, sentence] = notices_of([&] {
        const ConvPlan plan = plan_of(kFprop, gpu(), unaligned);
        EXPECT_EQ(plan.steps.at(0).kernel->params.vec, 1);
        EXPECT_TRUE(plan.schedules().ends_with(kRefusedMark)) << plan.schedules();
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find("does not accept pass 0 of " + std::string(kFprop)), std::string::npos)
        << sentence;
    EXPECT_TRUE(sentence.ends_with("make them contiguous.")) << sentence;

    Placed large;
    large.index_bits = 64;
    EXPECT_TRUE(plan_of(kFprop, gpu(), large).schedules().ends_with(kRefusedMark));

    // Pixels of 3 channels are no vectors.
    const std::string few = "fprop_n8ci3ih28iw28co3kh3kw3s1p1_f32_nhwc";
    std::tie(count, sentence) = notices_of([&] {
        write(few, 0, candidate("conv2d", kernel));
        EXPECT_TRUE(plan_of(few.c_str()).schedules().ends_with(kRefusedMark));
    });
    EXPECT_EQ(count, 1u);
    EXPECT_TRUE(sentence.ends_with("tune the problem again.")) << sentence;
}

TEST_F(TunedChoicesCuda, GradientsAndSumsAreLeftAsideToo) {
    const ConvProblem wgrad = parse_problem(kWgrad);
    for (const WgradPlan &plan : wgrad_plans(wgrad, gpu()))
        if (plan.kernel->params.vec > 1 && plan.kernel->index_bits == 32)
            write(kWgrad, 0, candidate("conv2d_wgrad", *plan.kernel));
    EXPECT_TRUE(wgrad_plan(wgrad, gpu()).schedules().ends_with(" (tuned)"));
    Placed unaligned;
    unaligned.vectors = unaligned.output_vectors = unaligned.input_vectors = false;
    auto [count, sentence] = notices_of([&] {
        EXPECT_TRUE(wgrad_plan(wgrad, gpu(), unaligned).schedules().ends_with(kRefusedMark));
    });
    EXPECT_EQ(count, 1u) << sentence;

    const ConvProblem sizes = parse_operator_problem(kSum).sizes;
    for (const WeightedSumKernel &kernel : weighted_sum_kernels())
        if (kernel.params.vec > 1 &&
            weighted_sum_plan_with(kernel, sizes, gpu(), {}).kernel != nullptr)
            write(kSum, 0, candidate("weighted_sum", kernel));
    EXPECT_EQ(weighted_sum_plan(sizes, gpu(), {}).mark, tuned_mark(false));
    std::tie(count, sentence) = notices_of([&] {
        const WeightedSumPlan plan = weighted_sum_plan(sizes, gpu(), unaligned);
        EXPECT_TRUE(plan.schedule().ends_with(kRefusedMark));
        EXPECT_EQ(plan.kernel->params.vec, 1);
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find(kSum), std::string::npos) << sentence;
}

TEST_F(TunedChoicesCuda, OfAProductAreForItsFormAlone) {
    const std::string sizes = "fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc";
    const std::vector<ProductForm> forms = device_forms({Model::kMitchell});
    const auto plan = [&](const Placed &placed = {}) {
        return approx_plan(parse_problem(sizes), forms, gpu(), placed);
    };
    const std::vector<FormStep> before = plan().steps.at(0).forms;
    ASSERT_EQ(before.size(), 3u);  // no zeros, zeros, any operands
    const ProductKernel *kernel = nullptr;
    for (const ProductKernel &one : product_kernels())
        if (one.product == before[1].form.product && &one != before[1].step.kernel) kernel = &one;
    ASSERT_NE(kernel, nullptr);
    const std::string candidate = product_candidate_kind(kernel->format) + "/" + kernel->schedule;
    const auto [count, sentence] = notices_of([&] {
        write(sizes + "_" + kernel->product, 0, candidate);
        const std::vector<FormStep> after = plan().steps.at(0).forms;
        ASSERT_EQ(after.size(), before.size());
        for (size_t i = 0; i < after.size(); i++) {
            const bool chosen = after[i].form.product == kernel->product;
            EXPECT_EQ(after[i].step.kernel, chosen ? kernel : before[i].step.kernel) << i;
            EXPECT_STREQ(after[i].step.mark, chosen ? " (tuned)" : "") << i;
        }
        EXPECT_NE(plan().schedules().find(kernel->schedule + " (tuned)"), std::string::npos);
    });
    EXPECT_EQ(count, 0u) << sentence;
}

TEST_F(TunedChoicesCuda, OfAProductThatTensorsDoNotAllowIsLeftAside) {
    const std::string text = "fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc_log_bits";
    const std::vector<ProductForm> forms = device_forms({Model::kMbm, 16});
    const ConvProblem problem = parse_operator_problem(text).sizes;
    const ProductKernel *vectors = nullptr;
    for (const ProductKernel &one : product_kernels())
        if (one.product == "log_bits" && one.params.vec == 4) vectors = &one;
    ASSERT_NE(vectors, nullptr);
    write(text, 0, product_candidate_kind(vectors->format) + "/" + vectors->schedule);
    EXPECT_NE(approx_plan(problem, forms, gpu(), {}).schedules().find(" (tuned)"),
              std::string::npos);
    Placed unaligned;
    unaligned.vectors = unaligned.output_vectors = unaligned.input_vectors = false;
    const auto [count, sentence] = notices_of([&] {
        EXPECT_NE(approx_plan(problem, forms, gpu(), unaligned).schedules().find(kRefusedMark),
                  std::string::npos);
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find(text), std::string::npos) << sentence;
}

/// A plan looks at no more of a table.
BytePlan byte_plan_of(const ConvProblem &problem, const char *product, const Placed &placed = {}) {
    DeviceTable table;
    table.product = find_byte_product(product)->name;
    table.terms = find_byte_product(product)->terms;
    return byte_plan(problem, table, gpu(), placed);
}

TEST_F(TunedChoicesCuda, OfBytesAreForTheirProductAndNumberOfTerms) {
    const std::string sizes = "fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc";
    const ConvProblem problem = parse_problem(sizes);
    const ByteKernel *const usual = byte_plan_of(problem, "dot_s8x3").kernel, *other = nullptr;
    for (const ByteKernel &kernel : byte_kernels())
        if (kernel.product == "dot_s8" && &kernel != usual) other = &kernel;
    ASSERT_NE(other, nullptr);
    const std::string candidate = byte_candidate_kind(other->format) + "/" + other->schedule;
    const auto [count, sentence] = notices_of([&] {
        write(sizes + "_dot_s8x3", 0, candidate);
        EXPECT_EQ(byte_plan_of(problem, "dot_s8x3").kernel, other);
        EXPECT_STREQ(byte_plan_of(problem, "dot_s8x3").mark, " (tuned)");
        for (const char *product : {"dot_s8", "dot_s8x2", "dot_u8", "table16"}) {
            EXPECT_STREQ(byte_plan_of(problem, product).mark, "") << product;
            EXPECT_NE(byte_plan_of(problem, product).kernel, other) << product;
        }
    });
    EXPECT_EQ(count, 0u) << sentence;
    choose_in_process(sizes + "_table16", 0,
                      "byte_gemm_nchw.cuda/" + byte_plan_of(problem, "table16").kernel->schedule,
                      "");
    EXPECT_STREQ(byte_plan_of(problem, "table16").mark, " (tuned)");
    choose_in_process(sizes + "_table16", 0, "", "");
    EXPECT_THROW(choose_in_process(sizes + "_table16", 0, "byte_gemm_nchw.cuda/co:17", ""),
                 std::runtime_error);
    EXPECT_THROW(choose_in_process(sizes + "_table16", 0, "approx_conv2d.avx2/lane:0", ""),
                 std::runtime_error);
}

TEST_F(TunedChoicesCuda, OfBytesThatTensorsDoNotAllowAreLeftAside) {
    const std::string text = "fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc_dot_u8";
    const ConvProblem problem = parse_operator_problem(text).sizes;
    const ByteKernel *vectors = nullptr;
    for (const ByteKernel &kernel : byte_kernels())
        if (kernel.product == "dot_u8" && kernel.params.vec == 4) vectors = &kernel;
    ASSERT_NE(vectors, nullptr);
    const std::string candidate = byte_candidate_kind(vectors->format) + "/" + vectors->schedule;
    write(text, 0, candidate);
    EXPECT_EQ(byte_plan_of(problem, "dot_u8").kernel, vectors);
    Placed unaligned;
    unaligned.vectors = unaligned.output_vectors = unaligned.input_vectors = false;
    auto [count, sentence] = notices_of([&] {
        const BytePlan plan = byte_plan_of(problem, "dot_u8", unaligned);
        EXPECT_STREQ(plan.mark, kRefusedMark);
        ASSERT_NE(plan.kernel, nullptr);
        EXPECT_EQ(plan.kernel->params.vec, 1);
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find(text), std::string::npos) << sentence;
    EXPECT_TRUE(sentence.ends_with("make them contiguous.")) << sentence;
    // 3 channels are no vector.
    const std::string few = "fprop_n8ci64ih28iw28co3kh3kw3s1p1_f32_nhwc";
    std::tie(count, sentence) = notices_of([&] {
        write(few + "_dot_u8", 0, candidate);
        EXPECT_STREQ(byte_plan_of(parse_problem(few), "dot_u8").mark, kRefusedMark);
    });
    EXPECT_EQ(count, 1u);
    EXPECT_TRUE(sentence.ends_with("tune the problem again.")) << sentence;
}

TEST_F(TunedChoicesCuda, RoundingToTf32IsPytorchsToAllow) {
    const ConvKernel &kernel = last_conv(kFprop);
    ASSERT_EQ(kernel.params.mma, 0);
    write(kFprop, 0, candidate("conv2d", kernel));
    auto [count, sentence] = notices_of([&] {
        // A kernel that rounds was no candidate, and is expected to be faster.
        const ConvPlan plan = plan_of(kFprop, gpu(), {}, /*tf32=*/true);
        EXPECT_EQ(plan.steps.at(0).kernel->params.mma, Conv2dCudaParams::kTf32);
        EXPECT_TRUE(plan.schedules().ends_with(" (the tuned kernel is for sums without TF32)"));
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find("without TF32, which PyTorch allows"), std::string::npos) << sentence;
    // Where none is faster, the choice stands.
    const ConvKernel &strips = last_conv(kDepthwise);
    write(kDepthwise, 0, candidate("conv2d", strips));
    EXPECT_EQ(plan_of(kDepthwise, gpu(), {}, true).kernels(), strips.name);

    const ConvKernel &rounding = *plan_of(kFprop, gpu(), {}, /*tf32=*/true).steps.at(0).kernel;
    ASSERT_EQ(rounding.params.mma, Conv2dCudaParams::kTf32);
    std::tie(count, sentence) = notices_of([&] {
        write(kFprop, 0, candidate("conv2d", rounding));
        EXPECT_TRUE(plan_of(kFprop, gpu(), {}, true).schedules().ends_with(" (tuned)"));
        const ConvPlan plan = plan_of(kFprop);
        EXPECT_EQ(plan.steps.at(0).kernel->params.mma, 0);
        EXPECT_TRUE(plan.schedules().ends_with(kRefusedMark));
    });
    EXPECT_EQ(count, 1u);
    EXPECT_NE(sentence.find("allow TF32 in PyTorch"), std::string::npos) << sentence;
}

TEST_F(TunedChoicesCuda, GradientsOfAWeightedSumGiveWayToPassesThatMayRound) {
    // Without TF32 the fused kernel is predicted to be the fastest, with it the two passes.
    const std::string text = "wsum2d:dgrad_n16ci128ih28iw28co64kh3kw3s1p1_f32_nhwc";
    const auto plan = [&](bool tf32) {
        return weighted_sum_grad_plan(parse_operator_problem(text).sizes, gpu(), {}, true, tf32);
    };
    const WeightedSumGradKernel *usual = plan(false).kernel;
    ASSERT_NE(usual, nullptr);
    ASSERT_EQ(plan(true).kernel, nullptr);
    write(text, 0, candidate("weighted_sum_grad", *usual));
    EXPECT_EQ(plan(false).schedule(), usual->schedule + " (tuned)");
    EXPECT_EQ(plan(true).kernel, nullptr);
    // The sentence is one for all and stands once, whoever said it first.
    const std::vector<std::string> notices = tuned_notices();
    EXPECT_TRUE(std::ranges::any_of(notices, [](const std::string &notice) {
        return notice.find("without TF32, which PyTorch allows") != std::string::npos;
    }));
    // Where the fused kernel is expected to be faster than those, too, the choice stands.
    const WeightedSumGradKernel &other = other_gradients_kernel(4);
    write(kGradients, 0, candidate("weighted_sum_grad", other));
    EXPECT_EQ(gradients_plan(gpu(), {}, /*tf32=*/true).kernel, &other);
}

TEST_F(TunedChoicesCuda, UnknownCandidatesAreNotices) {
    for (const char *text : {"nonsense", "conv2d.cuda/engine:9", "conv2d_wgrad.cuda/engine:1",
                             "conv2d.avx2/lane:0", "unfused"}) {
        const auto [count, sentence] = notices_of([&] {
            write(kFprop, 0, text);
            EXPECT_EQ(plan_of(kFprop).kernels(), best_name(kFprop));
        });
        EXPECT_EQ(count, 1u) << text;
        EXPECT_EQ(sentence.back(), '.') << sentence;
    }
    EXPECT_THROW(choose_in_process(kFprop, 0, "conv2d.cuda/engine:9", ""), std::runtime_error);
}

}  // namespace
}  // namespace convwright::cuda
