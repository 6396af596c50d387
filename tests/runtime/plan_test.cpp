// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/random_problem.h"
#include "tests/seed.h"
#include "tests/thread_run.h"

namespace convwright {
namespace {

/// 300 random problems, each in all directions.
std::vector<ConvProblem> random_problems() {
    std::mt19937 random(test_seed());
    std::vector<ConvProblem> problems;
    for (int i = 0; i < 300; i++) {
        ConvProblem p = random_problem(random);
        for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
            p.direction = direction;
            p.bias = p.bias && direction == Direction::kFprop;
            problems.push_back(p);
        }
    }
    return problems;
}

/// Name of the dispatcher's choice, empty if it has none.
std::string chosen(const ConvProblem &p) {
    if (p.direction == Direction::kWgrad) {
        const WgradPlan &plan = wgrad_plan(p);
        return plan.kernel == nullptr ? "" : plan.kernel->name;
    }
    const ConvPlan &plan = conv_plan(p, true);
    return plan.steps.empty() ? "" : plan.kernels();
}

class Plan : public testing::Test {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    }
    void TearDown() override { force_kernel(""); }
};

TEST_F(Plan, EveryProblemHasAKernelOnEveryIsaLevel) {
    for (const ConvProblem &p : random_problems()) {
        for (const bool dense : {true, false}) {
            const auto kernels = accepting_kernels(p, dense);
            for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
                if (isa > host_isa()) continue;
                EXPECT_TRUE(std::any_of(kernels.begin(), kernels.end(),
                                        [&](const KernelInfo &k) { return k.isa == isa; }))
                    << isa_name(isa) << " " << format_problem(p);
            }
        }
    }
}

TEST_F(Plan, TheDispatchersChoiceIsTheFirstAcceptingKernel) {
    for (const ConvProblem &p : random_problems()) {
        // Several passes may have a kernel each.
        if (p.direction == Direction::kDgrad && conv_passes(p).size() > 1) continue;
        EXPECT_EQ(chosen(p), accepting_kernels(p).front().name) << format_problem(p);
    }
}

TEST_F(Plan, EachPassOfAStridedDgradHasItsOwnKernel) {
    const ConvProblem p = parse_problem("dgrad_n1ci32ih9iw9co32kh3kw3s2p1g32_f32_nhwc");
    const ConvPlan &plan = conv_plan(p, true);
    ASSERT_EQ(plan.steps.size(), 4u);
    for (const ConvStep &step : plan.steps) {
        ASSERT_NE(step.kernel, nullptr);
        const int taps = step.kernel->params.taps_x;  // 0: any
        EXPECT_TRUE(taps == 0 || taps == step.pass.x.taps.count) << step.kernel->name;
    }
    EXPECT_NE(plan.kernels().find('+'), std::string::npos);
}

TEST_F(Plan, WithoutTapsThereIsNoKernel) {
    const ConvProblem p = parse_problem("dgrad_n1ci1ih1iw3co1kh1kw1s3p1_f32_nhwc");
    EXPECT_EQ(conv_plan(p, true).kernels(), "zeros");
}

TEST_F(Plan, AForcedKernelIsTheOnlyOne) {
    ConvProblem p = parse_problem("fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc");
    for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
        p.direction = direction;
        const auto kernels = accepting_kernels(p);
        ASSERT_GT(kernels.size(), 1u);
        for (const KernelInfo &kernel : kernels) {
            ASSERT_TRUE(force_kernel(kernel.name));
            EXPECT_EQ(chosen(p), kernel.name);
            EXPECT_EQ(accepting_kernels(p).size(), 1u);
        }
        ASSERT_TRUE(force_kernel(""));
        EXPECT_EQ(chosen(p), kernels.front().name);
    }
}

TEST_F(Plan, AForcedKernelMayRefuseTheProblem) {
    const std::string nchw = "fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nchw";
    const std::string kernel = accepting_kernels(parse_problem(nchw)).front().name;
    ASSERT_TRUE(force_kernel(kernel));
    const ConvProblem p = parse_problem("fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc");
    EXPECT_TRUE(conv_plan(p, true).steps.empty());
    EXPECT_EQ(conv_plan(p, true).reason, "kernel " + kernel + " does not accept the problem");
    EXPECT_TRUE(accepting_kernels(p).empty());
}

TEST_F(Plan, AnUnknownKernelChangesNothing) {
    const ConvProblem p = parse_problem("fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc");
    const std::string kernel = accepting_kernels(p).back().name;
    ASSERT_TRUE(force_kernel(kernel));
    EXPECT_FALSE(force_kernel("conv2d_of_another_library"));
    EXPECT_EQ(chosen(p), kernel);
}

TEST_F(Plan, AForcedKernelHoldsForOneThread) {
    const ConvProblem p = parse_problem("fprop_n1ci3ih9iw9co5kh3kw3s1p1_f32_nhwc");
    const auto kernels = accepting_kernels(p);
    ASSERT_TRUE(force_kernel(kernels.back().name));
    std::thread([&] { EXPECT_EQ(chosen(p), kernels.front().name); }).join();
}

TEST_F(Plan, TasksOfOneShiftedTileAreNeverAlone) {
    // A kernel without a frame moves the last tile of a row back over its neighbour: were they two
    // tasks, two threads would write the same floats.
    for (const ConvProblem &p : random_problems()) {
        if (p.direction == Direction::kWgrad) continue;
        for (const ConvKernel &kernel : conv_kernels()) {
            if (kernel.format != p.format || kernel.params.stage != Conv2dCpuParams::kDirect) {
                continue;
            }
            const ConvPlan plan = conv_plan_with(kernel, p, true);
            for (const ConvStep &step : plan.steps) {
                if (step.kernel != &kernel) continue;
                const int out = step.pass.x.out;
                const int tile = kernel.params.lane == Conv2dCpuParams::kColumns
                                     ? kernel.params.vec * vector_lanes(kernel.isa)
                                     : kernel.params.tile;
                const int tiles = (out + tile - 1) / tile, task = step.task.column_tiles;
                if (out % tile == 0 || task >= tiles) continue;
                EXPECT_NE((tiles - 1) % task, 0) << kernel.name << " " << format_problem(p);
            }
        }
    }
}

TEST_F(Plan, TaskSizesArePositive) {
    for (const ConvProblem &p : random_problems()) {
        if (p.direction == Direction::kWgrad) continue;
        for (const KernelInfo &info : accepting_kernels(p)) {
            ASSERT_TRUE(force_kernel(info.name));
            const ConvPlan &plan = conv_plan(p, true);
            EXPECT_EQ(plan.steps.size(), conv_passes(p).size());
            for (const ConvStep &step : plan.steps) {
                const ConvTaskSize &task = step.task;
                EXPECT_GT(std::min({task.channel_tiles, task.column_tiles, task.rows}), 0)
                    << info.name << " " << format_problem(p);
            }
        }
        force_kernel("");
    }
}

/// `parts` of `chunks` of `size` cover `all`, and none of the parts is empty.
void expect_cover(int64_t all, int64_t parts, int64_t chunks, int64_t size, const ConvProblem &p) {
    EXPECT_GT(std::min({parts, chunks, size}), 0) << format_problem(p);
    EXPECT_GE(parts * chunks * size, all) << format_problem(p);
    EXPECT_LT((parts - 1) * chunks * size, all) << format_problem(p);
}

TEST_F(Plan, WgradCutsCoverAllPixels) {
    for (const ConvProblem &p : random_problems()) {
        if (p.direction != Direction::kWgrad) continue;
        for (const WgradKernel &kernel : wgrad_kernels()) {
            const WgradCut cut = wgrad_cut(kernel.params, p, kernel.isa);
            expect_cover(p.oh(), cut.parts_y, cut.bands, cut.rows, p);
            expect_cover(p.n, cut.parts_n, cut.blocks, cut.images, p);
        }
    }
}

TEST_F(Plan, PartitionsDoNotDependOnTheNumberOfThreads) {
    const auto partition = [](const ConvProblem &p) {
        std::vector<int> sizes;
        if (p.direction == Direction::kWgrad) {
            const WgradCut cut = wgrad_plan(p).cut;
            sizes = {cut.rows, cut.images, cut.bands, cut.blocks, cut.parts_y, cut.parts_n};
        } else {
            for (const ConvStep &step : conv_plan(p, true).steps) {
                const ConvTaskSize &task = step.task;
                sizes.insert(sizes.end(), {task.channel_tiles, task.column_tiles, task.rows});
            }
        }
        return sizes;
    };
    // Each in a thread of its own: plans are cached per thread.
    const auto partitions = [&](int64_t threads) {
        std::vector<std::vector<int>> all;
        const TestThreads pool(threads);
        std::thread([&] {
            for (const ConvProblem &p : random_problems()) all.push_back(partition(p));
        }).join();
        return all;
    };
    EXPECT_EQ(partitions(1), partitions(64));
}

TEST_F(Plan, AProblemTooLargeFor32BitsHasNoKernelAndAReason) {
    const std::pair<const char *, const char *> problems[] = {
        {"n99999ci99999ih99999iw99999co1kh1kw1s1p0", "a tensor has 2^31 elements or more"},
        {"n1ci1ih1iw1co999999999kh1kw1s1p3", "a tensor has 2^31 elements or more"},
        {"n999999999ci999999999ih999999999iw999999999co999999999kh999999999kw999999999s1p0",
         "a tensor has 2^31 elements or more"},
        {"n1ci1ih999iw999co1kh1kw1s999p0", "the gradient has more than 4096 phases"},
    };
    for (const auto &[sizes, reason] : problems) {
        const ConvProblem p = parse_problem("dgrad_" + std::string(sizes) + "_f32_nhwc");
        EXPECT_TRUE(accepting_kernels(p).empty()) << sizes;
        EXPECT_TRUE(conv_plan(p, true).steps.empty()) << sizes;
        EXPECT_EQ(conv_plan(p, true).reason, reason);
    }
}

TEST_F(Plan, ARepeatedProblemGivesTheSamePlan) {
    for (const bool dense : {true, false, true}) {
        const ConvProblem p = parse_problem("fprop_n2ci3ih9iw9co5kh1kw1s1p0_f32_nhwc");
        EXPECT_EQ(conv_plan(p, dense).steps.at(0).pass.x.out, dense ? 2 * 9 * 9 : 9);
        EXPECT_EQ(&conv_plan(p, dense), &conv_plan(p, dense));
    }
}

}  // namespace
}  // namespace convwright
