// SPDX-License-Identifier: Apache-2.0
// Which CUDA kernels a problem gets, without running them.
#include "runtime/cuda/conv_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/cuda/conv_cost.h"
#include "runtime/cuda/forced_kernel.h"

namespace convwright::cuda {
namespace {

Device gpu(int multiprocessors, int capability = 80) {
    Device device;
    device.compute_capability = capability, device.multiprocessors = multiprocessors;
    return device;
}

ConvPlan plan_of(const std::string &text, const Placed &placed = {}) {
    return conv_plan(parse_problem(text), gpu(108), placed);
}

/// Forces a kernel for the life of this object.
struct Forced {
    explicit Forced(const std::string &name) { force_kernel(name); }
    ~Forced() { force_kernel(""); }
};

TEST(ConvPlanCuda, AcceptsEveryProblemOfAnyPlace) {
    for (const char *format : {"nhwc", "nchw"}) {
        for (const char *sizes :
             {"n1ci1ih1iw1co1kh1kw1s1p0", "n2ci5ih7iw9co3kh3kw3s2p4d3",
              "n1ci70000ih2iw2co70000kh1kw1s1p0g70000", "n64ci3ih224iw224co64kh7kw7s2p3"}) {
            for (const char *direction : {"fprop", "dgrad"}) {
                for (const int bits : {32, 64}) {
                    Placed placed;
                    placed.vectors = placed.output_vectors = placed.input_vectors = bits == 32;
                    placed.index_bits = bits;
                    const std::string text =
                        std::string(direction) + "_" + sizes + "_f32_" + format;
                    const ConvPlan plan = plan_of(text, placed);
                    ASSERT_FALSE(plan.steps.empty()) << text << ": " << plan.reason;
                    for (const ConvStep &step : plan.steps) {
                        EXPECT_GE(step.kernel->index_bits, bits) << text;
                        EXPECT_TRUE(bits == 32 || step.kernel->params.vec == 1) << text;
                    }
                }
            }
        }
    }
}

TEST(ConvPlanCuda, TakesTilesForWideLayersAndStripsForDepthwise) {
    const ConvPlan wide = plan_of("fprop_n32ci128ih28iw28co128kh3kw3s1p1_f32_nhwc");
    EXPECT_EQ(wide.steps.at(0).kernel->params.engine, Conv2dCudaParams::kGemm);
    EXPECT_EQ(wide.steps.at(0).kernel->params.vec, 4);
    const ConvPlan depthwise = plan_of("fprop_n32ci128ih28iw28co128kh3kw3s1p1g128_f32_nhwc");
    EXPECT_EQ(depthwise.steps.at(0).kernel->params.engine, Conv2dCudaParams::kDepthwise);
    EXPECT_EQ(depthwise.workspace, 0);
    for (const char *format : {"nhwc", "nchw"}) {
        for (const int taps : {3, 5, 7}) {
            for (const char *direction : {"fprop", "dgrad"}) {
                const std::string k = std::to_string(taps), p = std::to_string(taps / 2);
                for (const std::string stride : {"1", "2"}) {
                    const std::string text = std::string(direction) + "_n32ci96ih56iw56co96kh" + k +
                                             "kw" + k + "s" + stride + "p" + p + "g96_f32_" +
                                             format;
                    for (const ConvStep &step : plan_of(text).steps) {
                        EXPECT_EQ(step.kernel->params.engine, Conv2dCudaParams::kDepthwise) << text;
                    }
                }
            }
        }
    }
}

TEST(ConvPlanCuda, ShortFloatsTakeTensorCoresWhereThereAre) {
    for (const char *dtype : {"bf16", "f16"}) {
        for (const std::string sizes :
             {"n32ci128ih28iw28co128kh3kw3s1p1", "n1ci512ih7iw7co512kh3kw3s1p1",
              "n32ci3ih224iw224co64kh7kw7s2p3", "n8ci100ih28iw28co50kh3kw3s2p1",
              "n8ci64ih28iw28co128kh1kw1s2p0"}) {
            for (const std::string direction : {"fprop", "dgrad"}) {
                const ConvProblem problem =
                    parse_problem(direction + "_" + sizes + "_" + dtype + "_nhwc");
                const ConvPlan plan = conv_plan(problem, gpu(108));
                ASSERT_FALSE(plan.steps.empty()) << format_problem(problem);
                for (const ConvStep &step : plan.steps) {
                    EXPECT_EQ(step.kernel->dtype, problem.dtype);
                    // So few products may be faster without a tile.
                    if (direction == "dgrad" && step.pass.taps() == 1) continue;
                    EXPECT_EQ(step.kernel->params.mma != 0, step.pass.taps() > 0)
                        << format_problem(problem);
                }
            }
        }
    }
    const ConvPlan plan = plan_of("fprop_n1ci512ih7iw7co512kh3kw3s1p1_bf16_nhwc");
    EXPECT_EQ(plan.steps.at(0).kernel->params.split, 1);
    // Two weights to a float of workspace.
    const StepLayout layout(plan.steps[0]);
    EXPECT_EQ(layout.packed_floats, layout.panel * layout.panels * layout.k / 2);
    EXPECT_EQ(layout.k % 8, 0);
}

// In dgrad the input channels are those of the output.
TEST(ConvPlanCuda, FewOutputChannelsTakeNarrowTiles) {
    const auto expect_tile = [](const std::string &few, int tile, const std::string &format,
                                bool stores_vectors) {
        // Channels of the side that is read are whole vectors.
        const std::string sizes[] = {"fprop_n8ci64ih56iw56co" + few,
                                     "dgrad_n8ci" + few + "ih56iw56co64"};
        for (const std::string &size : sizes) {
            const std::string text = size + "kh3kw3s1p1" + format;
            Placed placed;
            const bool fprop = text[0] == 'f';
            (fprop ? placed.output_vectors : placed.input_vectors) = stores_vectors;
            placed.vectors = stores_vectors;
            const ConvPlan plan = plan_of(text, placed);
            EXPECT_EQ(plan.steps.at(0).kernel->params.co, tile) << text << " " << plan.kernels();
        }
    };
    for (const auto &[few, tile] : {std::pair{"1", 8}, {"3", 8}, {"6", 8}, {"10", 16}}) {
        expect_tile(few, tile, "_f32_nhwc", false);
        expect_tile(few, tile, "_f32_nchw", true);
        expect_tile(few, 16, "_bf16_nhwc", false);
        expect_tile(few, 16, "_f16_nhwc", false);
    }
    for (const char *format : {"_f32_nhwc", "_f32_nchw", "_bf16_nhwc", "_f16_nhwc"}) {
        expect_tile("16", 16, format, true);
        // Whole tiles of many channels are read less often.
        expect_tile("64", 64, format, true);
    }
}

// Few channels on both sides: chunks run on over the taps, and what is stored is any number.
TEST(ConvPlanCuda, FirstLayersTakeNarrowTiles) {
    for (const char *format : {"nhwc", "nchw"}) {
        for (const char *sizes : {"n256ci6ih14iw14co10kh5kw5s1p0", "n256ci6ih14iw14co16kh5kw5s1p0",
                                  "n128ci3ih32iw32co16kh3kw3s1p1"}) {
            const std::string text = std::string("fprop_") + sizes + "_f32_" + format;
            Placed placed;
            placed.vectors = placed.output_vectors = placed.input_vectors = false;
            const ConvPlan plan = plan_of(text, placed);
            EXPECT_EQ(plan.steps.at(0).kernel->params.co, 16) << text << " " << plan.kernels();
            EXPECT_EQ(plan.steps.at(0).kernel->params.linear, 1) << text << " " << plan.kernels();
        }
    }
}

// 49 pixels are 2 tiles of 32; 108 multiprocessors want more blocks than the 16 of 512 channels.
TEST(ConvPlanCuda, SplitsLongSumsOfFewOutputs) {
    const ConvPlan plan = plan_of("fprop_n1ci512ih7iw7co512kh3kw3s1p1_f32_nhwc");
    EXPECT_EQ(plan.steps.at(0).kernel->params.split, 1);
    EXPECT_GT(plan.steps.at(0).parts, 4);
    const StepLayout layout(plan.steps[0]);
    EXPECT_EQ(plan.workspace, layout.packed_floats + layout.partial_floats);
    EXPECT_GE(layout.turns * plan.steps[0].parts, 9 * 512 / 16);
    EXPECT_LT(layout.turns * (plan.steps[0].parts - 1), 9 * 512 / 16) << "A part is empty.";
}

// Layers of ResNet-50.
const char *const kResnet[] = {
    "n32ci64ih56iw56co64kh3kw3s1p1_f32_nhwc",   "n32ci256ih56iw56co64kh1kw1s1p0_f32_nhwc",
    "n32ci128ih28iw28co128kh3kw3s1p1_f32_nhwc", "n32ci1024ih14iw14co2048kh1kw1s2p0_f32_nhwc",
    "n32ci512ih7iw7co512kh3kw3s1p1_f32_nhwc",   "n1ci512ih7iw7co512kh3kw3s1p1_f32_nhwc"};

TEST(ConvPlanCuda, RoundsToTf32WhereItMayAndCan) {
    for (const std::string direction : {"fprop_", "dgrad_"}) {
        for (const char *layer : kResnet) {
            const ConvProblem problem = parse_problem(direction + layer);
            const auto rounding_steps = [&](int capability, bool tf32) {
                const ConvPlan plan = conv_plan(problem, gpu(108, capability), {}, tf32);
                EXPECT_FALSE(plan.steps.empty()) << plan.reason;
                return std::count_if(plan.steps.begin(), plan.steps.end(),
                                     [](const ConvStep &s) { return s.kernel->params.mma != 0; });
            };
            EXPECT_EQ(rounding_steps(80, false), 0) << direction << layer;
            EXPECT_EQ(rounding_steps(75, true), 0) << direction << layer;
            // Three of four phases of a 1 x 1 kernel with stride 2 have no tap.
            EXPECT_GE(rounding_steps(80, true), 1) << direction << layer;
            for (const ConvKernel *kernel : accepting_kernels(problem, gpu(108))) {
                EXPECT_EQ(kernel->params.mma, 0) << kernel->name;
            }
        }
    }
}

TEST(ConvPlanCuda, AForcedKernelRoundsWithoutLeaveButNotOnOldDevices) {
    const ConvProblem problem = parse_problem(std::string("fprop_") + kResnet[0]);
    int forcible = 0;
    for (const ConvKernel &kernel : conv_kernels()) {
        if (kernel.params.mma != Conv2dCudaParams::kTf32) continue;
        forcible++;
        const Forced forced(kernel.name);
        EXPECT_EQ(conv_plan(problem, gpu(108)).kernels(), kernel.name);
        EXPECT_TRUE(conv_plan(problem, gpu(108, 75)).steps.empty()) << kernel.name;
    }
    EXPECT_GT(forcible, 0);
}

TEST(ConvPlanCuda, AForcedKernelRunsOrNone) {
    const std::string problem = "dgrad_n1ci6ih4iw4co6kh3kw3s2p1_f32_nhwc";
    for (const ConvKernel &kernel : conv_kernels()) {
        const Forced forced(kernel.name);
        const ConvPlan plan = plan_of(problem);
        if (kernel.format == Format::kNchw || kernel.params.vec == 4 ||
            kernel.dtype != DType::kF32 || kernel.params.engine == Conv2dCudaParams::kDepthwise) {
            EXPECT_TRUE(plan.steps.empty()) << kernel.name;
            EXPECT_NE(plan.reason.find(kernel.name), std::string::npos) << plan.reason;
            continue;
        }
        ASSERT_FALSE(plan.steps.empty()) << kernel.name << ": " << plan.reason;
        EXPECT_NE(plan.kernels().find(kernel.name), std::string::npos) << plan.kernels();
    }
}

TEST(ConvPlanCuda, AcceptingKernelsComeBestFirst) {
    const ConvProblem problem = parse_problem("fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc");
    const auto kernels = accepting_kernels(problem, gpu(108));
    ASSERT_GT(kernels.size(), 5u);
    EXPECT_EQ(kernels.front()->name, conv_plan(problem, gpu(108)).kernels());
    EXPECT_TRUE(std::is_sorted(kernels.begin(), kernels.end(),
                               [&](const ConvKernel *a, const ConvKernel *b) {
                                   return conv_plan_with(*a, problem, gpu(108)).cycles() <
                                          conv_plan_with(*b, problem, gpu(108)).cycles();
                               }));
}

// A plan would hold 998,001 steps.
TEST(ConvPlanCuda, SaysWhyThereIsNone) {
    const char *const kMany = "dgrad_n1ci1ih999iw999co1kh1kw1s999p0_f32_nhwc";
    EXPECT_EQ(plan_of(kMany).reason, "the gradient has more than 4096 phases");
    EXPECT_TRUE(plan_of(kMany).steps.empty());
    EXPECT_TRUE(accepting_kernels(parse_problem(kMany), gpu(108)).empty());
    {
        const Forced forced(conv_kernels().front().name);
        EXPECT_TRUE(plan_of(kMany).steps.empty());
    }
    ConvProblem far = parse_problem("fprop_n1ci1ih3iw3co1kh1kw1s1p0_f32_nhwc");
    far.dilation_h = int64_t{1} << 31;
    EXPECT_EQ(conv_plan(far, gpu(108)).reason,
              "a padded size, a stride or a dilation is 2^31 or more");
}

// Elements that 64-bit indices reach, and steps of passes between them that 32 bits do not count.
TEST(PlacedCuda, SeesStepsOfPasses) {
    const Activation dense{nullptr, 9, 9, 3, 1};
    const auto bits = [&](const std::string &text, const Activation &input) {
        return placed(parse_problem(text), dense, input).index_bits;
    };
    constexpr int64_t kHalf = 1 << 30;
    const Activation rows{nullptr, 1, 1, kHalf, 1}, columns{nullptr, 1, 1, 1, kHalf};
    for (const std::string format : {"_f32_nhwc", "_f32_nchw"}) {
        const bool nhwc = format == "_f32_nhwc";
        // Every second row by one tap, by three, and of one row.
        EXPECT_EQ(bits("fprop_n1ci1ih5iw5co1kh1kw1s2p0" + format, rows), 0);
        EXPECT_EQ(bits("fprop_n1ci1ih5iw5co1kh1kw1s1p0" + format, rows), 64);
        EXPECT_EQ(bits("fprop_n1ci1ih5iw5co1kh3kw3s2p1" + format, rows), 64);
        EXPECT_EQ(bits("fprop_n1ci1ih2iw5co1kh1kw1s2p0" + format, rows), 32);
        // Columns of nchw are dense.
        EXPECT_EQ(bits("fprop_n1ci1ih5iw5co1kh1kw1s2p0" + format, columns), nhwc ? 0 : 64);
        for (const Activation &input : {rows, columns}) {
            EXPECT_EQ(bits("dgrad_n1ci1ih5iw5co1kh3kw3s2p1" + format, input), 0);
            EXPECT_EQ(bits("dgrad_n1ci1ih5iw5co1kh3kw3s1p1" + format, input), 64);
            // Each phase has one row and one column.
            EXPECT_EQ(bits("dgrad_n1ci1ih5iw5co1kh1kw1s5p0" + format, input), 64);
        }
    }
}

// A cache of plans would answer with vectors for tensors that have none.
TEST(PlacedCuda, HasAKeyOfItsOwnForEachValue) {
    std::set<int> keys;
    for (const int bits : {0, 32, 64})
        for (const bool vectors : {false, true})
            for (const bool output : {false, true})
                for (const bool input : {false, true}) {
                    const int key = Placed{vectors, output, input, bits}.key();
                    EXPECT_GE(key, 0);
                    EXPECT_LT(key, 1 << 10);
                    EXPECT_TRUE(keys.insert(key).second) << key;
                }
}

// Few channels are stored one by one, but read as vectors or not.
TEST(PlacedCuda, OneSideMayHaveVectors) {
    const ConvProblem few = parse_problem("fprop_n8ci64ih56iw56co3kh3kw3s1p1_f32_nhwc");
    Placed placed;
    placed.vectors = placed.output_vectors = false;
    EXPECT_EQ(conv_plan(few, gpu(108), placed).steps.at(0).kernel->params.vec, 4);
    placed.input_vectors = false;
    EXPECT_EQ(conv_plan(few, gpu(108), placed).steps.at(0).kernel->params.vec, 1);
}

TEST(PlacedCuda, SeesVectorsAndLargeTensors) {
    const ConvProblem nhwc = parse_problem("fprop_n1ci8ih3iw5co4kh1kw1s1p0_f32_nhwc");
    alignas(16) static float memory[256];
    // The only image may have any stride.
    const Activation in{memory, 1, 1, 40, 8}, out{memory, 7, 1, 20, 4};
    EXPECT_TRUE(placed(nhwc, out, in).vectors);
    EXPECT_FALSE(placed(nhwc, out, {memory + 1, 1, 1, 40, 8}).vectors);
    EXPECT_TRUE(placed(nhwc, out, {memory + 1, 1, 1, 40, 8}).output_vectors);
    EXPECT_FALSE(placed(nhwc, out, {memory, 1, 1, 45, 9}).input_vectors);
    // 4 channels of the output are half of 16 bytes where they are short.
    const ConvProblem shorts = parse_problem("fprop_n1ci8ih3iw5co4kh1kw1s1p0_bf16_nhwc");
    EXPECT_TRUE(placed(shorts, out, in).input_vectors);
    EXPECT_FALSE(placed(shorts, out, in).output_vectors);
    EXPECT_EQ(placed(nhwc, out, in).index_bits, 32);
    EXPECT_EQ(placed(nhwc, out, {memory, 1, 1, int64_t{1} << 30, 8}).index_bits, 64);
    EXPECT_EQ(placed(nhwc, out, {memory, 1, 1, int64_t{1} << 31, 8}).index_bits, 0);

    const ConvProblem nchw = parse_problem("fprop_n2ci2ih4iw4co2kh1kw1s1p0_f32_nchw");
    const Activation dense{memory, 32, 16, 4, 1}, gaps{memory, 64, 32, 8, 1};
    EXPECT_TRUE(placed(nchw, dense, gaps).output_vectors);
    EXPECT_FALSE(placed(nchw, dense, gaps).input_vectors);
}

}  // namespace
}  // namespace convwright::cuda
