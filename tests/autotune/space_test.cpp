// SPDX-License-Identifier: Apache-2.0
#include "autotune/space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <stdexcept>

#include "autotune/cpu_spaces.h"
#include "autotune/random.h"
#include "runtime/cost_model.h"
#include "runtime/multipliers/product_words.h"
#include "runtime/weighted_sum_passes.h"
#include "runtime/wgrad_pass.h"
#include "schedules/conv2d_params.h"
#include "schedules/conv2d_wgrad_params.h"
#include "schedules/weighted_sum_params.h"

namespace convwright {
namespace {

constexpr const char *kPlain = "fprop_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc";
constexpr const char *kStrided = "dgrad_n2ci16ih14iw14co32kh3kw3s2p1_f32_nhwc";

Space conv_space(const std::string &problem, int phase = 0, Isa isa = Isa::kAvx512) {
    return conv_cpu_space(parse_problem(problem), phase, {isa});
}

/// Two knobs of 3 and 2 values, one point illegal.
Space small_space(std::vector<int> first = {1, 2, 4}, int version = 1,
                  const std::string &knob = "a") {
    SpaceKind kind;
    kind.name = "small";
    kind.version = version;
    kind.knobs = {{knob, first}, {"b", {0, 1}}};
    kind.why_illegal = [](const std::vector<int> &v) {
        return v[0] == 2 && v[1] == 1 ? "two and one" : nullptr;
    };
    kind.predict = [](const std::vector<int> &v) { return 10.0 - v[0] + v[1]; };
    return Space({kPlain, 0}, {plain_kind("pytorch"), kind});
}

TEST(Space, HoldsThePointsThatAreLegal) {
    const Space space = small_space();
    EXPECT_EQ(space.size(), 7u);
    EXPECT_EQ(space.legal(), (std::vector<Point>{0, 1, 2, 3, 5, 6}));
    EXPECT_EQ(space.rejected(), (std::map<std::string, int64_t>{{"two and one", 1}}));
    EXPECT_STREQ(space.why_illegal(4), "two and one");
    EXPECT_FALSE(space.is_legal(4));
    EXPECT_EQ(space.text(0), "pytorch");
    EXPECT_EQ(space.text(1), "small/a:1,b:0");
    EXPECT_EQ(space.values(6), (std::vector<int>{4, 1}));
}

TEST(Space, NeighboursAreOneStepAwayAndLegal) {
    const Space space = small_space();
    EXPECT_EQ(space.neighbours(0), std::vector<Point>{});
    EXPECT_EQ(space.neighbours(3), (std::vector<Point>{1, 5}));  // a:2,b:0; b:1 is illegal
    EXPECT_EQ(space.neighbours(5), (std::vector<Point>{3, 6}));  // down before up
}

TEST(Space, TextsRoundTripAndOthersAreRefused) {
    const Space space = conv_space(kPlain);
    for (const Point point : space.legal()) {
        ASSERT_EQ(space.parse(space.text(point)), point) << space.text(point);
    }
    const Space small = small_space();
    EXPECT_EQ(small.parse("small/a:2,b:1"), Point{4});  // of a point, though an illegal one
    for (const char *text : {"", "small", "small/", "small/a:1", "small/a:1,b:0,", "small/a:1,b:00",
                             "small/b:0,a:1", "small/a:3,b:0", "pytorch/", "pytorch/a:1", "other",
                             "small/a:1,b:0,c:1", "small,a:1,b:0", "small/a:11,b:0"}) {
        EXPECT_EQ(small.parse(text), std::nullopt) << text;
    }
}

TEST(Space, HasNoMorePointsThanCanBeJudged) {
    SpaceKind half = plain_kind("half"), other = plain_kind("other");
    half.knobs = {{"a", std::vector<int>(4096)}, {"b", std::vector<int>(2048)}};
    other.knobs = half.knobs;
    half.why_illegal = other.why_illegal = [](const std::vector<int> &) { return "none is"; };
    EXPECT_EQ(Space({kPlain, 0}, {half, other}).size(), Point{1} << 24);
    EXPECT_THROW(Space({kPlain, 0}, {half, other, plain_kind("one")}), std::invalid_argument);
    other.knobs.push_back({"c", {1, 2, 3}});
    EXPECT_THROW(Space({kPlain, 0}, {other}), std::invalid_argument);
}

TEST(Space, RankedIsByPredictionAndWhatHasNoneComesFirst) {
    EXPECT_EQ(small_space().ranked(), (std::vector<Point>{0, 5, 6, 3, 1, 2}));
}

TEST(Space, HashChangesWithAllThatAStoredCandidateReliesOn) {
    const std::string hash = small_space().hash();
    EXPECT_EQ(hash, "206b8792d1fa4c5e");  // the same in every build
    EXPECT_NE(small_space({1, 2, 5}).hash(), hash);
    EXPECT_NE(small_space({1, 4, 2}).hash(), hash);
    EXPECT_NE(small_space({1, 2, 4}, 2).hash(), hash);
    EXPECT_NE(small_space({1, 2, 4}, 1, "c").hash(), hash);
    // The subject is no part: records are found by it anyway.
    EXPECT_EQ(conv_space(kPlain).hash(),
              conv_space("fprop_n1ci3ih9iw9co8kh1kw1s1p0_f32_nhwc").hash());
    EXPECT_NE(conv_space(kPlain).hash(), conv_space(kPlain, 0, Isa::kAvx2).hash());
}

TEST(Space, RefusesWhatCannotBeASpace) {
    SpaceKind large;
    large.name = "large";
    large.knobs.assign(25, {"k", {0, 1}});
    SpaceKind empty;
    empty.name = "empty";
    empty.knobs = {{"k", {}}};
    EXPECT_THROW(Space({kPlain, 0}, {large}), std::invalid_argument);
    EXPECT_THROW(Space({kPlain, 0}, {empty}), std::invalid_argument);
    EXPECT_THROW(Space({kPlain, 0}, {plain_kind("a"), plain_kind("a")}), std::invalid_argument);
}

/// Every legal point of a space of `Params`, and no other, is legal by the struct's own predicate.
template<typename Params, typename Why>
void expect_legal_as(const Space &space, const std::string &kind, Why why) {
    int64_t legal = 0, judged = 0;
    for (Point point = 0; point < space.size(); point++) {
        const std::string text = space.text(point);
        if (!text.starts_with(kind + "/")) continue;
        const char *expected = why(parse_params<Params>(text.substr(kind.size() + 1)));
        judged++;
        legal += expected == nullptr;
        if (expected == nullptr) {
            ASSERT_TRUE(space.is_legal(point)) << text;
        } else {
            ASSERT_STREQ(space.why_illegal(point), expected) << text;
            ASSERT_FALSE(space.is_legal(point)) << text;
        }
    }
    EXPECT_GT(legal, 10);
    EXPECT_GT(judged, legal);
}

TEST(CpuSpaces, AreThoseOfTheParams) {
    const ConvProblem plain = parse_problem(kPlain);
    const ConvPass pass = conv_passes(plain).front();
    expect_legal_as<Conv2dCpuParams>(conv_space(kPlain), "conv2d.avx512", [&](const auto &p) {
        return p.why_illegal(pass, Format::kNhwc, Isa::kAvx512);
    });
    const ConvProblem wgrad = parse_problem("wgrad_n8ci64ih14iw14co64kh3kw3s1p1_f32_nhwc");
    expect_legal_as<Conv2dWgradCpuParams>(
        conv_cpu_space(wgrad, 0, {Isa::kAvx2}), "conv2d_wgrad.avx2",
        [&](const auto &p) { return p.why_illegal(wgrad, Isa::kAvx2); });
    const WeightedSumPasses passes = weighted_sum_passes(plain);
    expect_legal_as<WeightedSumCpuParams>(
        weighted_sum_cpu_space(plain, {Isa::kAvx512}), "weighted_sum.avx512",
        [&](const auto &p) { return p.why_illegal(passes.mix, passes.window, Isa::kAvx512); });
}

TEST(CpuSpaces, PredictTheCostModelsCycles) {
    const Space space = conv_space(kPlain);
    const std::string knobs =
        "lane:0,vec:2,tile:8,stage:1,taps_x:0,taps_y:0,stride:0,group:1,strided_out:0";
    const Point point = space.parse("conv2d.avx512/" + knobs).value();
    EXPECT_EQ(space.predicted(point), predicted_cycles(parse_params<Conv2dCpuParams>(knobs),
                                                       conv_passes(parse_problem(kPlain)).front(),
                                                       Format::kNhwc, Isa::kAvx512));
    EXPECT_TRUE(std::isnan(space.predicted(space.parse("pytorch").value())));
}

TEST(CpuSpaces, HaveAlgorithmsAndPytorchAmongTheirCandidates) {
    const Space sum = weighted_sum_cpu_space(parse_problem(kPlain), {Isa::kAvx2, Isa::kAvx512});
    EXPECT_EQ(sum.subject().problem, "wsum2d:" + std::string(kPlain));
    for (const char *text : {"pytorch", "unfused", "composed"}) {
        EXPECT_TRUE(sum.is_legal(sum.parse(text).value())) << text;
    }
    EXPECT_EQ(sum.kinds().size(), 5u);
    // Nothing fuses contiguous tensors: the other kinds are all there is.
    const Space turned = weighted_sum_cpu_space(
        parse_problem("fprop_n8ci64ih14iw14co64kh3kw3s1p1_f32_nchw"), {Isa::kAvx512});
    EXPECT_EQ(turned.legal().size(), 3u);
    EXPECT_GT(turned.rejected().at("only channels_last is fused"), 0);
}

TEST(CpuSpaces, OfWholeProblemsAndStepsHaveAlgorithmsAlone) {
    const Space whole = cpu_space(parse_problem(kStrided), kWholeProblem, {Isa::kAvx512});
    EXPECT_EQ(whole.subject(), (Subject{kStrided, kWholeProblem}));
    EXPECT_EQ(whole.legal().size(), 2u);
    EXPECT_TRUE(whole.parse("pytorch"));
    EXPECT_TRUE(whole.parse("passes"));
    const std::string sizes = std::string(kPlain).substr(6);
    for (const auto &[text, count] :
         std::vector<std::pair<std::string, size_t>>{{"wsum2d:step_" + sizes, 4},
                                                     {"dwsep2d:step_" + sizes, 3},
                                                     {"dwsep2d:fprop_" + sizes, 3}}) {
        const Space space = cpu_space(parse_operator_problem(text), 0, {Isa::kAvx512});
        EXPECT_EQ(space.subject(), (Subject{text, 0}));
        EXPECT_EQ(space.legal().size(), count) << text;
    }
    EXPECT_GT(cpu_space(parse_operator_problem("wsum2d:fprop_" + sizes), 0, {Isa::kAvx512})
                  .legal()
                  .size(),
              3u);
    EXPECT_THROW(kinds_space(parse_problem(kPlain), kWholeProblem), std::invalid_argument);
}

TEST(CpuSpaces, OfAStridedGradientAreOnePerPassAndWithoutPytorch) {
    std::set<size_t> sizes;
    for (int phase = 0; phase < 4; phase++) {
        const Space space = conv_space(kStrided, phase);
        EXPECT_EQ(space.subject(), (Subject{kStrided, phase}));
        EXPECT_EQ(space.parse("pytorch"), std::nullopt);
        sizes.insert(space.legal().size());
    }
    EXPECT_GT(sizes.size(), 1u);  // passes have one or two taps on each axis
    EXPECT_TRUE(conv_space(kPlain).parse("pytorch"));
}

OperatorProblem with_product(const std::string &problem, const std::string &product) {
    OperatorProblem approximate(parse_problem(problem));
    approximate.product = product;
    return approximate;
}

TEST(CpuSpaces, OfProductsAreRegisterTiles) {
    for (const std::string &product : product_names()) {
        for (const auto &[text, phase] : std::vector<std::pair<std::string, int>>{
                 {kPlain, 0}, {kStrided, 3}, {"wgrad_n8ci64ih14iw14co64kh3kw3s2p1_f32_nchw", 0}}) {
            const OperatorProblem problem = with_product(text, product);
            const std::vector<ConvPass> passes = product_passes(problem.sizes);
            for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
                const Space space = cpu_space(problem, phase, {isa});
                EXPECT_EQ(space.subject().problem, text + "_" + product);
                EXPECT_EQ(space.parse("pytorch"), std::nullopt);
                ASSERT_GT(space.legal().size(), 5u);
                const std::string kind = std::string("approx_conv2d.") + isa_name(isa) + "/";
                for (const Point point : space.legal()) {
                    const std::string text_of = space.text(point);
                    EXPECT_TRUE(text_of.starts_with(kind + "lane:0,vec:")) << text_of;
                    const auto params = parse_params<Conv2dCpuParams>(text_of.substr(kind.size()));
                    EXPECT_EQ(params.stage, Conv2dCpuParams::kFrame);
                    EXPECT_LE(params.vec * params.tile + params.vec * product_weight_words(product),
                              vector_registers(isa));
                    EXPECT_EQ(space.predicted(point),
                              predicted_product_cycles(params, passes[phase], isa));
                }
            }
        }
    }
    // More words of a weight leave fewer registers for sums.
    const auto legal = [](const char *product) {
        return cpu_space(with_product(kPlain, product), 0, {Isa::kAvx2}).legal().size();
    };
    EXPECT_GT(legal("mitchell"), legal("mbm"));
}

TEST(CpuSpaces, RefuseWhatNoKernelComputesInOneSentence) {
    const auto message = [](auto make) -> std::string {
        try {
            make();
        } catch (const std::invalid_argument &error) {
            return error.what();
        }
        return "nothing was thrown";
    };
    EXPECT_EQ(message([] { conv_space(kPlain, 1); }),
              "problem '" + std::string(kPlain) + "': there is no pass 1, the last one is 0.");
    EXPECT_EQ(message([] { conv_space(kStrided, -1); }),
              "problem '" + std::string(kStrided) + "': there is no pass -1, the last one is 3.");
    // A 1x1 kernel at stride 2 reaches one phase of four.
    EXPECT_NE(message([] {
                  conv_space("dgrad_n1ci8ih8iw8co8kh1kw1s2p0_f32_nhwc", 3);
              }).find("no tap reaches this pass"),
              std::string::npos);
    EXPECT_NE(message([] {
                  conv_space("fprop_n999999ci64ih999iw999co1kh1kw1s1p0_f32_nhwc");
              }).find("2^31"),
              std::string::npos);
    EXPECT_EQ(message([] { cpu_space(with_product(kStrided, "mbm"), kWholeProblem, {}); }),
              "problem '" + std::string(kStrided) +
                  "_mbm': nothing but its passes' kernels computes an approximate product.");
    EXPECT_EQ(message([] { cpu_space(with_product(kPlain, "dot_s8x3"), 0, {Isa::kAvx2}); }),
              "problem '" + std::string(kPlain) +
                  "_dot_s8x3': CPUs compute 8-bit products by engines that have no schedules to "
                  "choose from; `convwright-tune search --device cuda` searches those of a GPU.");
    EXPECT_NE(message([] {
                  weighted_sum_cpu_space(parse_problem(kStrided), {});
              }).find("a weighted sum is fprop with one group"),
              std::string::npos);
}

TEST(CpuSpaces, SubjectsAreProblemsInTheirUsualForm) {
    EXPECT_EQ(why_no_subject(kPlain), std::nullopt);
    EXPECT_EQ(why_no_subject("wsum2d:" + std::string(kPlain)), std::nullopt);
    EXPECT_NE(why_no_subject("fprop_n1ci3ih9iw9co8kh1kw1s1x1p0_f32_nhwc")->find("usual form"),
              std::string::npos);
    EXPECT_EQ(why_no_subject(std::string(kPlain) + "_mbm_zeros"), std::nullopt);
    EXPECT_EQ(why_no_subject(std::string(kPlain) + "_dot_s8x3"), std::nullopt);
    EXPECT_NE(
        why_no_subject(std::string(kPlain) + "_exact_uint8")->find(std::string(kPlain) + "_dot_u8"),
        std::string::npos);
    EXPECT_NE(
        why_no_subject(std::string(kPlain) + "_lmul(3)")->find(std::string(kPlain) + "_mitchell"),
        std::string::npos);
    EXPECT_TRUE(why_no_subject("conv"));
    EXPECT_TRUE(why_no_subject("wsum2d:"));
}

TEST(RandomDraws, AreTheSameOnEveryPlatform) {
    Random random(42);
    const std::vector<uint64_t> first = {random.next(), random.next()};
    EXPECT_EQ(first, (std::vector<uint64_t>{1546998764402558742u, 6990951692964543102u}));
    std::vector<int> values = {0, 1, 2, 3, 4};
    random.shuffle(values);
    std::set<int> kept(values.begin(), values.end());
    EXPECT_EQ(kept.size(), 5u);
    std::vector<int> counts(3);
    for (int i = 0; i < 3000; i++) counts[random.below(3)]++;
    for (const int count : counts) EXPECT_NEAR(count, 1000, 120);
}

}  // namespace
}  // namespace convwright
