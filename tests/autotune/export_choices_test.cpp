// SPDX-License-Identifier: Apache-2.0
#include "autotune/export_choices.h"

#include <sstream>

#include "autotune/cpu_spaces.h"
#include "autotune/cuda_spaces.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/loaded_kernels.h"
#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

constexpr char kDevice[] = "cpu/Some CPU/avx2";

class ExportChoices : public DatabaseTest {
protected:
    static SearchKey key_of(const std::string &problem, int phase = 0) {
        const Space space = cpu_space(parse_operator_problem(problem), phase, {Isa::kAvx2});
        return {space.subject(), space.hash(), {kDevice, "cores=2", "convwright=0.1.0"}};
    }
    static std::string problem_of(int channels) {
        return "fprop_n2ci" + std::to_string(channels) + "ih9iw11co17kh3kw3s1p1_f32_nhwc";
    }
    static std::string candidate(int tile, const std::string &stage = "1") {
        return "conv2d.avx2/" +
               format_params(parse_params<Conv2dCpuParams>(
                   "lane:0,vec:1,tile:" + std::to_string(tile) + ",stage:" + stage));
    }

    /// Trials of tiles with their times; the first is the choice.
    void tune(const std::string &problem, const std::vector<std::pair<int, double>> &trials,
              double pytorch = 1) {
        const SearchKey key = key_of(problem);
        for (const auto &[tile, seconds] : trials)
            database_.add({key, candidate(tile), {Outcome::kOk, seconds, 1e-6, 9, "", ""}, 1000});
        Choice choice = test_choice(key, candidate(trials[0].first));
        choice.finals = {{"winner", choice.candidate, trials[0].second, 1e-6},
                         {"pytorch", "pytorch", pytorch, 1e-6}};
        database_.choose(choice);
    }

    /// The library has these tiles.
    ExportedChoices exported(const std::vector<int> &tiles = {}, double within = 0.05) {
        const auto has = [tiles](const OperatorProblem &, const std::string &text) {
            const int tile = parse_params<Conv2dCpuParams>(text.substr(text.find('/') + 1)).tile;
            return std::find(tiles.begin(), tiles.end(), tile) != tiles.end();
        };
        return export_choices(database_, within, has);
    }
    static std::vector<std::string> candidates(const ExportedChoices &exported) {
        std::vector<std::string> texts;
        for (const ChoiceRow &row : exported.rows) texts.push_back(row.candidate);
        return texts;
    }

    Database database_{path()};
};

TEST_F(ExportChoices, OneKernelServesShapesThatItIsGoodEnoughFor) {
    tune(problem_of(1), {{4, 1e-3}, {5, 1.04e-3}, {7, 2e-3}});
    tune(problem_of(2), {{7, 1e-3}, {5, 1.05e-3}, {4, 1.2e-3}});
    tune(problem_of(3), {{5, 1e-3}, {4, 1.01e-3}});
    const ExportedChoices all = exported();
    EXPECT_EQ(candidates(all), (std::vector<std::string>(3, candidate(5))));
    EXPECT_EQ(all.chosen_kernels, 3u);
    EXPECT_EQ(all.kernels, 1u);
    EXPECT_TRUE(all.fewest);
    EXPECT_EQ(all.rows[0].space, key_of(problem_of(1)).space);
    EXPECT_EQ(all.rows[0].identity, kDevice);
    // At one percent two are needed, and each shape has the better one of them.
    const ExportedChoices strict = exported({}, 0.01);
    EXPECT_EQ(candidates(strict),
              (std::vector<std::string>{candidate(4), candidate(7), candidate(4)}));
    EXPECT_EQ(strict.kernels, 2u);
}

TEST_F(ExportChoices, WhatTheLibraryHasCostsNothing) {
    tune(problem_of(1), {{4, 1e-3}, {5, 1.04e-3}});
    tune(problem_of(2), {{4, 1e-3}, {5, 1.06e-3}});
    const ExportedChoices some = exported({5});
    EXPECT_EQ(candidates(some), (std::vector<std::string>{candidate(4), candidate(4)}));
    EXPECT_EQ(some.kernels, 1u);
    const ExportedChoices all = exported({4, 5});
    EXPECT_EQ(candidates(all), (std::vector<std::string>{candidate(4), candidate(4)}));
    EXPECT_EQ(all.kernels, 0u);
    EXPECT_EQ(all.chosen_kernels, 0u);
}

TEST_F(ExportChoices, NoScheduleFallsBehindPytorchForAKernelLess) {
    // PyTorch is 3 % behind the choice, the other schedule 4 %.
    tune(problem_of(1), {{4, 1e-3}, {5, 1.04e-3}}, 1.03e-3);
    tune(problem_of(2), {{5, 1e-3}});
    EXPECT_EQ(candidates(exported()), (std::vector<std::string>{candidate(4), candidate(5)}));
    tune(problem_of(1), {{4, 1e-3}}, 1.05e-3);
    EXPECT_EQ(candidates(exported()), (std::vector<std::string>{candidate(5), candidate(5)}));
}

TEST_F(ExportChoices, OnlyTrialsThatWorkedCount) {
    tune(problem_of(1), {{4, 1e-3}});
    tune(problem_of(2), {{5, 1e-3}});
    for (const Outcome outcome : {Outcome::kNoisy, Outcome::kWrongAnswer}) {
        Record record{key_of(problem_of(outcome == Outcome::kNoisy ? 1 : 2)),
                      candidate(outcome == Outcome::kNoisy ? 5 : 4),
                      {outcome, 0, 0, 0, "It failed.", ""},
                      1000};
        if (outcome == Outcome::kNoisy) record.result.seconds = 1e-3, record.result.samples = 9;
        ASSERT_TRUE(database_.add(record));
    }
    EXPECT_EQ(exported().kernels, 2u);
}

TEST_F(ExportChoices, AlgorithmsAreRowsAndTheNewestChoiceCounts) {
    const std::string sum = "wsum2d:step_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc";
    Choice choice = test_choice(key_of(sum), "unfused");
    database_.choose(choice);
    choice.key.environment.device = "cores=64";
    choice.candidate = "composed", choice.recorded++;
    database_.choose(choice);
    const ExportedChoices exports = exported();
    EXPECT_EQ(candidates(exports), (std::vector<std::string>{"composed"}));
    EXPECT_EQ(exports.rows[0].subject.problem, sum);
}

TEST_F(ExportChoices, ChoicesOfOtherSpacesAreLeftOut) {
    database_.choose(test_choice());  // of a space that no version has
    const ExportedChoices none = exported();
    EXPECT_TRUE(none.rows.empty());
    ASSERT_EQ(none.left_out.size(), 1u);
    EXPECT_NE(none.left_out[0].find("another space"), std::string::npos);
}

constexpr char kGpu[] = "gpu/Some GPU/sms=108";

std::string gpu_candidate(int px) {
    return "conv2d.cuda/" + format_params(parse_params<Conv2dCudaParams>(
                                "co:16,px:" + std::to_string(px) + ",px_t:4,chunk:8"));
}

/// As tune() of the fixture, by tiles of so many pixels on a GPU.
void tune_gpu(Database &database, const std::string &problem,
              const std::vector<std::pair<int, double>> &trials) {
    const Space space = cuda_space(parse_operator_problem(problem), 0, nominal_gpu(80));
    const SearchKey key{space.subject(), space.hash(), {kGpu, "driver=13000", "convwright=0.1.0"}};
    for (const auto &[px, seconds] : trials)
        database.add({key, gpu_candidate(px), {Outcome::kOk, seconds, 1e-6, 9, "", ""}, 1000});
    Choice choice = test_choice(key, gpu_candidate(trials[0].first));
    choice.finals = {{"winner", choice.candidate, trials[0].second, 1e-6}};
    database.choose(choice);
}

TEST_F(ExportChoices, ChoicesOfGpusAreRowsBesideThoseOfCpus) {
    tune_gpu(database_, problem_of(1), {{32, 1e-3}, {64, 1.04e-3}});
    tune_gpu(database_, problem_of(2), {{64, 1e-3}, {128, 1.01e-3}, {32, 1.2e-3}});
    tune(problem_of(1), {{4, 1e-3}});
    const ExportedChoices exports = export_choices(
        database_, 0.05, [](const OperatorProblem &, const std::string &) { return false; });
    EXPECT_TRUE(exports.left_out.empty()) << exports.left_out[0];
    EXPECT_EQ(candidates(exports),
              (std::vector<std::string>{candidate(4), gpu_candidate(64), gpu_candidate(64)}));
    EXPECT_EQ(exports.rows[2].identity, kGpu);
    EXPECT_EQ(exports.chosen_kernels, 3u);
    EXPECT_EQ(exports.kernels, 2u);
    // What is written is what the build takes.
    std::istringstream in(format_choice_table(exports.rows, {}));
    EXPECT_EQ(read_choice_table(in, "table.txt"), exports.rows);
}

TEST_F(ExportChoices, KernelsOfTheLibraryAreKnown) {
    const auto has = [](const std::string &problem, const std::string &kind,
                        const std::string &schedule) {
        return library_has(parse_operator_problem(problem), kind + "/" + schedule);
    };
    const std::string sizes = "_n2ci8ih9iw11co17kh3kw3s1p1_f32_";
    const auto format = [](Format f) -> std::string {
        return f == Format::kNhwc ? "nhwc" : "nchw";
    };
    ASSERT_FALSE(conv_kernels().empty());
    const ConvKernel &conv = conv_kernels()[0];
    const std::string fprop = "fprop" + sizes + format(conv.format);
    const std::string isa = std::string(".") + isa_name(conv.isa), other = "lane:0,vec:1,tile:5";
    EXPECT_TRUE(has(fprop, "conv2d" + isa, conv.schedule));
    EXPECT_FALSE(has(fprop, "conv2d" + isa, other));
    ASSERT_FALSE(product_kernels().empty());
    const ProductKernel &of_product = product_kernels()[0];
    const std::string product = fprop + "_" + of_product.product;
    EXPECT_TRUE(has(product, std::string("approx_conv2d.") + isa_name(of_product.isa),
                    of_product.schedule));
    EXPECT_FALSE(has(product, "approx_conv2d" + isa, other));
    for (const ConvKernel &k : conv_kernels())
        EXPECT_EQ(is_kernel_of_choices(k.name), k.name.find("strided_out_0") != std::string::npos)
            << "Tables name all knobs: " << k.name;
    if (cuda::conv_kernels().empty()) GTEST_SKIP() << "There are no CUDA kernels.";
    for (const cuda::ConvKernel &k : cuda::conv_kernels()) {
        if (k.dtype != DType::kF32 || k.index_bits != 32) continue;
        EXPECT_TRUE(has("fprop" + sizes + format(k.format), "conv2d.cuda", k.schedule)) << k.name;
        EXPECT_FALSE(cuda::is_kernel_of_choices(k.name)) << k.name;
    }
    for (const cuda::WgradKernel &k : cuda::wgrad_kernels()) {
        if (k.dtype != DType::kF32 || k.index_bits != 32) continue;
        EXPECT_TRUE(has("wgrad" + sizes + format(k.format), "conv2d_wgrad.cuda", k.schedule));
    }
    const cuda::WeightedSumKernel &sum = cuda::weighted_sum_kernels()[0];
    EXPECT_TRUE(has("wsum2d:fprop" + sizes + "nhwc", "weighted_sum.cuda", sum.schedule));
    const cuda::ProductKernel &k = cuda::product_kernels()[0];
    const std::string kind = cuda::product_candidate_kind(k.format);
    EXPECT_TRUE(has("fprop" + sizes + "nhwc_" + k.product, kind, k.schedule));
    EXPECT_FALSE(has("fprop" + sizes + "nhwc", "conv2d.cuda", gpu_candidate(32).substr(12)));
    EXPECT_FALSE(has("fprop" + sizes + "nhwc", "nothing", "engine:1"));
}

}  // namespace
}  // namespace convwright
