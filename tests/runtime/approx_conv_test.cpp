// SPDX-License-Identifier: Apache-2.0
// Every form of every product, pass by pass, against the scalar models added up in the stated order.
#include "runtime/approx_conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "autotune/verify/naive_conv2d.h"
#include "runtime/multipliers/float_models.h"
#include "runtime/scratch.h"
#include "tests/repro.h"
#include "tests/runtime/approx_oracle.h"
#include "tests/seed.h"
#include "tests/thread_run.h"

namespace convwright {
namespace {

Values run_at(Placement placement, const ConvProblem &p, const ProductForm &form,
              const ConvValues &values, bool gaps) {
    const auto tensor = [&](const Quad &sizes, Format format, const Values &of, bool with_gaps) {
        return Tensor4(sizes, strides_for(sizes, format, with_gaps), placement, of);
    };
    const ApproxPlan plan = approx_plan(p, form);
    EXPECT_FALSE(plan.steps.empty()) << plan.reason;
    const bool wgrad = p.direction == Direction::kWgrad, dgrad = p.direction == Direction::kDgrad;
    const Tensor4 input = tensor(input_sizes(p), p.format, values.input, gaps);
    const Tensor4 weight = tensor(weight_sizes(p), Format::kNchw, values.weight, gaps);
    const Tensor4 output = tensor(output_sizes(p), p.format, values.output, gaps);
    const Tensor4 bias = tensor({1, 1, 1, p.co}, Format::kNchw, values.bias, false);
    const Tensor4 result(result_sizes(p),
                         strides_for(result_sizes(p), wgrad ? Format::kNchw : p.format, gaps),
                         placement);
    GuardedFloats workspace(plan.workspace, placement, kWorkspaceAlignment);
    const GuardedScratch scratch(placement);
    CallContext context;
    const bool success =
        wgrad ? run_approx_wgrad(context, plan, output.activation(), input.activation(),
                                 result.weight(), workspace.data())
              : run_approx_conv(context, plan, (dgrad ? output : input).activation(),
                                weight.weight(), p.bias ? bias.activation().data : nullptr,
                                result.activation(), workspace.data());
    EXPECT_TRUE(success) << context.error();
    EXPECT_TRUE(result.redzones_intact());
    EXPECT_TRUE(workspace.redzones_intact());
    return result.values();
}

/// With all memory at the start of its pages and then at the end.
Values run(const ConvProblem &p, const ProductForm &form, const ConvValues &values, bool gaps) {
    Values result = run_at(Placement::kStart, p, form, values, gaps);
    expect_same_bits(run_at(Placement::kEnd, p, form, values, gaps), result);
    return result;
}

const std::vector<std::string> kProblems{
    "n2ci5ih6iw9co17kh3kw3s1p1",     "n1ci3ih9iw13co33kh5kw3s2p1",
    "n2ci8ih5iw7co40kh1kw1s1p0",     "n1ci6ih7iw8co10kh3kw3s1p2d2g2",
    "n2ci18ih5iw6co18kh3kw3s2p1g18", "n1ci2ih4iw30co5kh2kw3s1x3p1x0",
    "n3ci4ih1iw1co9kh1kw1s1p0"};
const std::vector<std::string> kMultipliers{"mbm",     "mbm(3)",   "mbm(16)", "mbm(17)", "mbm(18)",
                                            "mbm(21)", "mitchell", "pam",     "lmul",    "lmul(3)",
                                            "realm",   "roba",     "ax_fpm",  "drum(20)"};

class ApproxConv : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    }
    Multiplier multiplier() const { return std::get<Multiplier>(parse_multiplier(GetParam())); }
    /// Of transforms only products that are rounded have a form; theirs are of edited operands.
    ConvValues edited(ConvValues values) const {
        if (multiplier().model != Model::kDrum) return values;
        for (Values *v : {&values.input, &values.weight, &values.output}) {
            for (float &x : *v) x = drum_operand_f32(x, multiplier().parameter);
        }
        return values;
    }

    template<typename Visit>
    void for_each_problem(Visit visit) {
        for (const std::string &text : kProblems) {
            for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
                ConvProblem p = parse_problem("fprop_" + text + "_f32_nhwc");
                p.direction = direction;
                p.bias = direction == Direction::kFprop;
                visit(p);
            }
        }
    }
};

TEST_P(ApproxConv, EveryFormEqualsTheModelInItsOrder) {
    for_each_problem([&](ConvProblem p) {
        for (const bool zeros : {false, true}) {
            const ConvValues values = approx_operands(p, zeros);
            const Values expected = in_order(p, values, times_of(multiplier()));
            const ConvValues in = edited(values);
            for (const bool fast : {false, true}) {
                const ProductForm form = product_form(multiplier(), fast, zeros);
                for (const Format format : {Format::kNhwc, Format::kNchw}) {
                    p.format = format;
                    const Repro repro(p, form.product, GetParam() + (zeros ? " zeros" : ""));
                    expect_same_bits(run(p, form, in, format == Format::kNchw), expected);
                }
            }
        }
    });
}

TEST_P(ApproxConv, TakesSpecialsAndTheEndsOfTheRangeFromBits) {
    const float inf = std::numeric_limits<float>::infinity();
    const Values special{inf,     -inf,  std::nanf(""), 0.0f,     -0.0f,  1e-40f,
                         -1e-40f, 3e38f, -3e38f,        1.2e-38f, 1e-20f, -2e-19f,
                         1.9e19f, 1.0f,  -1.99f,        2e-36f};
    ConvProblem p = parse_problem("fprop_n1ci4ih3iw4co4kh1kw1s1p0_f32_nhwc");
    std::mt19937 random(test_seed());
    for (int trial = 0; trial < 20; trial++) {
        ConvValues values = integer_values(p, test_seed());
        for (Values *v : {&values.input, &values.weight}) {
            for (float &x : *v) x = special[random() % special.size()];
        }
        const ProductForm form = product_form(multiplier(), false, true);
        const Repro repro(p, form.product, GetParam());
        expect_same_bits(run(p, form, edited(values), false),
                         in_order(p, values, times_of(multiplier())));
    }
}

TEST_P(ApproxConv, ThreadsGiveTheSameBits) {
    const ConvProblem p = parse_problem("fprop_n3ci16ih20iw21co40kh3kw3s1p1_f32_nhwc");
    const ConvValues values = edited(approx_operands(p, false));
    const ProductForm form = product_form(multiplier(), true, false);
    const Values alone = run(p, form, values, false);
    for (const int64_t threads : {2, 3}) {
        const TestThreads pool(threads);
        expect_same_bits(run(p, form, values, false), alone);
    }
}

INSTANTIATE_TEST_SUITE_P(Multipliers, ApproxConv, testing::ValuesIn(kMultipliers),
                         [](const auto &info) {
                             std::string name;
                             for (const char c : info.param) {
                                 if (std::isalnum(static_cast<unsigned char>(c))) name += c;
                             }
                             return name;
                         });

TEST(ApproxConv, TablesOfFractionsEqualTheirReference) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    for (const int bits : {1, 7, 11}) {
        const MantissaTable table = odd_table(bits);
        const Times times = [&](float a, float b) { return table_product(table, a, b); };
        for (const std::string &text : kProblems) {
            for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
                ConvProblem p = parse_problem("fprop_" + text + "_f32_nhwc");
                p.direction = direction;
                p.bias = direction == Direction::kFprop;
                ConvValues values = approx_operands(p, true);
                values.input[0] = std::numeric_limits<float>::infinity();
                values.weight[0] = values.output[0] = 3e38f;
                const Repro repro(p, "mantissa_table", std::to_string(bits) + " bits");
                expect_same_bits(run(p, product_form(table), values, false),
                                 in_order(p, values, times));
            }
        }
    }
}

TEST(ApproxConv, PacksNoMoreThanTwiceWhatItReads) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    const Multiplier mbm{Model::kMbm, 0};
    const ProductForm form = product_form(mbm, true, false);
    for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
        // Far more weights than pixels, and channels that do not fill the last panel.
        ConvProblem p = parse_problem("fprop_n1ci70ih3iw3co250kh3kw3s1p1_f32_nhwc");
        p.direction = direction;
        p.bias = direction == Direction::kFprop;
        const ApproxPlan plan = approx_plan(p, form);
        const int64_t weight = 70 * 250 * 9, input = 70 * 9, output = 250 * 9;
        const int64_t read = direction == Direction::kFprop   ? weight + input
                             : direction == Direction::kDgrad ? weight + output
                                                              : input + output;
        EXPECT_LE(plan.workspace, std::max<int64_t>(2 * read, 4 * 32 * 70 * 9 + 32));
        const ConvValues values = approx_operands(p, false);
        const Repro repro(p, form.product, "channels at a time");
        expect_same_bits(run(p, form, values, false), in_order(p, values, times_of(mbm)));
    }
}

TEST(ApproxConv, SumsOf4608ProductsKeepTheirOrder) {
    if (host_isa() == Isa::kNone) GTEST_SKIP() << "This CPU has no AVX2 with FMA.";
    const ConvProblem p = parse_problem("fprop_n1ci512ih4iw4co20kh3kw3s1p1_f32_nhwc");
    const Multiplier mbm{Model::kMbm, 0};
    const ConvValues values = approx_operands(p, false);
    expect_same_bits(run(p, product_form(mbm, true, false), values, false),
                     in_order(p, values, times_of(mbm)));
}

}  // namespace
}  // namespace convwright
