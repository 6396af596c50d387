// SPDX-License-Identifier: Apache-2.0
// CUDA kernels of approximate products, run on the CPU, and the device's choice among them, against the
// scalar models added up in the stated order: the same bits.
#include "runtime/cuda/approx_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "runtime/cuda/edit_operands.h"
#include "runtime/multipliers/float_models.h"
#include "runtime/multipliers/product_choice.h"
#include "tests/repro.h"
#include "tests/runtime/approx_oracle.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

constexpr int kTableBits = 5;

/// Tensors of a call.
struct Tensors {
    ConvProblem p;
    Tensor4 input, weight, output, bias;

    Tensors(const ConvProblem &problem, const ConvValues &values, bool gaps)
        : p(problem),
          input(made(Direction::kDgrad, input_sizes(p), p.format, values.input, gaps)),
          weight(made(Direction::kWgrad, weight_sizes(p), Format::kNchw, values.weight, gaps)),
          output(made(Direction::kFprop, output_sizes(p), p.format, values.output, gaps)),
          bias({1, 1, 1, p.co}, strides_for({1, 1, 1, p.co}, Format::kNchw, false), Placement::kEnd,
               values.bias) {}

    ApproxOperands operands(const int32_t *table) const {
        return {input.activation(), weight.weight(), output.activation(),
                p.bias ? bias.activation().data : nullptr, table};
    }
    const Tensor4 &result() const {
        return p.direction == Direction::kFprop   ? output
               : p.direction == Direction::kDgrad ? input
                                                  : weight;
    }

private:
    Tensor4 made(Direction written_by, const Quad &sizes, Format format, const Values &values,
                 bool gaps) const {
        const Quad strides = strides_for(sizes, format, gaps);
        if (p.direction == written_by) return {sizes, strides, Placement::kMiddle};
        return {sizes, strides, Placement::kStart, values};
    }
};

Values run(const ApproxPlan &plan, const Tensors &tensors, const int32_t *table) {
    GuardedFloats workspace(plan.workspace, Placement::kMiddle);
    CallContext context;
    EXPECT_TRUE(run_approx_conv(context, plan, tensors.operands(table), workspace.data()))
        << context.error();
    EXPECT_TRUE(tensors.result().redzones_intact()) << "The kernel wrote around its result.";
    EXPECT_TRUE(workspace.redzones_intact()) << "The kernel wrote around its workspace.";
    return tensors.result().values();
}

Placed placed_of(const Tensors &t) {
    return placed(t.p, t.output.activation(), t.input.activation());
}

ConvProblem problem(const std::string &text, Direction direction, Format format) {
    ConvProblem p = parse_problem("fprop_" + text + "_f32_nhwc");
    p.direction = direction, p.format = format;
    p.bias = direction == Direction::kFprop;
    return p;
}

/// A multiplier with a form of each product, and that form.
struct Example {
    Times times;
    ProductForm form;
    std::vector<int32_t> entries;  ///< Of a table of fractions.
    Multiplier multiplier;
};

Example example_of(const std::string &product) {
    if (product == "mantissa_table") {
        const MantissaTable table = odd_table(kTableBits);
        return {[=](float a, float b) { return table_product(table, a, b); },
                device_forms_of_table(kTableBits).front(),
                table.entries,
                {}};
    }
    for (const char *text :
         {"mbm(3)", "mitchell", "lmul(3)", "realm", "roba", "ax_fpm", "drum(20)"}) {
        const Multiplier m = std::get<Multiplier>(parse_multiplier(text));
        for (const ProductForm &form : device_forms(m)) {
            if (form.product == product) return {times_of(m), form, {}, m};
        }
    }
    ADD_FAILURE() << "No multiplier has the product " << product;
    return {};
}

/// Of transforms only products that are rounded have a form; theirs are of edited operands.
ConvValues edited(ConvValues values, const Multiplier &m) {
    if (m.model != Model::kDrum) return values;
    for (Values *v : {&values.input, &values.weight, &values.output}) {
        for (float &x : *v) x = drum_operand_f32(x, m.parameter);
    }
    return values;
}

class ApproxCuda : public testing::TestWithParam<size_t> {
protected:
    const ProductKernel &kernel() const { return product_kernels()[GetParam()]; }
    const Conv2dCudaParams &params() const { return kernel().params; }
    bool vectors() const { return params().vec > 1; }
    /// Channels that come together.
    int64_t unit() const { return params().vec; }

    /// By this kernel alone, for operands that it takes.
    void expect_exact(const ConvProblem &p, bool gaps) {
        const Repro repro(p, kernel().name, gaps ? "gaps" : "dense");
        const Example example = example_of(kernel().product);
        const int choice = product_choice(kernel().product);
        const ConvValues values = approx_operands(p, choice != 2);
        const Tensors tensors(p, edited(values, example.multiplier), gaps && !vectors());
        ApproxPlan plan = approx_plan(p, {example.form}, emulated_device(), placed_of(tensors));
        ASSERT_FALSE(plan.steps.empty()) << plan.reason;
        for (ApproxStep &step : plan.steps) {
            if (step.pass.taps() == 0) continue;
            const ConvStep by_this{step.pass, &kernel(), 1, 0};
            step.forms = {{example.form, by_this}};
            plan.packed_floats =
                std::max(plan.packed_floats, (StepLayout(by_this).packed_floats + 3) / 4 * 4);
        }
        plan.workspace = plan.packed_floats + 4 + 6 * plan.range_blocks;
        const int32_t *table = example.entries.empty() ? nullptr : example.entries.data();
        expect_same_bits(run(plan, tensors, table), in_order(p, values, example.times));
    }

    UseEmulatedDriver driver_;
};

INSTANTIATE_TEST_SUITE_P(Cuda, ApproxCuda, testing::Range<size_t>(0, product_kernels().size()),
                         [](const auto &info) { return product_kernels()[info.param].name; });

std::string text(int64_t value) { return std::to_string(value); }

// A race shows as a difference of two orders.
TEST_P(ApproxCuda, EachOrderOfThreadsGivesTheSame) {
    const ConvProblem p = problem("n2ci" + text(unit()) + "ih3iw4co" + text(unit()) + "kh3kw3s1p1",
                                  Direction::kFprop, kernel().format);
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        driver_->order = order;
        expect_exact(p, false);
    }
}

// Chunks and tiles to the last element, and one more; strides, dilations, padding, groups, phases of
// dgrad and some that no tap reaches.
TEST_P(ApproxCuda, EdgesOfTiles) {
    const int64_t chunk = params().chunk, co = params().co, columns = params().px / 2;
    const auto fprop = [&](const std::string &sizes, bool gaps) {
        expect_exact(problem(sizes, Direction::kFprop, kernel().format), gaps);
    };
    const auto dgrad = [&](const std::string &sizes, bool gaps) {
        expect_exact(problem(sizes, Direction::kDgrad, kernel().format), gaps);
    };
    fprop("n3ci" + text(chunk) + "ih1iw" + text(columns + 1) + "co" + text(co) + "kh1kw1s1p0",
          false);
    fprop("n1ci" + text(chunk + unit()) + "ih2iw" + text(columns) + "co" + text(co + unit()) +
              "kh1kw3s1p0x1",
          true);
    dgrad("n2ci" + text(3 * unit()) + "ih5iw7co" + text(chunk - unit()) + "kh2kw2s2x3p1", true);
    fprop("n1ci" + text(4 * unit()) + "ih7iw6co" + text(6 * unit()) + "kh3kw2s1p2d2x1g2", false);
}

// Images are the channels of its sum.
TEST_P(ApproxCuda, GradientsOfWeights) {
    if (vectors()) GTEST_SKIP() << "Images are not side by side in memory.";
    const auto wgrad = [&](const std::string &sizes, Format format, bool gaps) {
        expect_exact(problem(sizes, Direction::kWgrad, format), gaps);
    };
    wgrad("n3ci5ih6iw7co33kh3kw3s1p1", Format::kNhwc, false);
    wgrad("n1ci4ih7iw5co6kh2kw3s2p1d1x2g2", Format::kNchw, true);
}

const std::vector<std::string> kMultipliers{"mbm",    "mbm(18)", "mbm(21)", "mitchell",
                                            "pam",    "lmul(3)", "realm",   "roba",
                                            "ax_fpm", "drum(20)"};

class ApproxCudaPlan : public testing::TestWithParam<std::string> {
protected:
    Multiplier multiplier() const { return std::get<Multiplier>(parse_multiplier(GetParam())); }

    void expect_exact(const ConvProblem &p, const ConvValues &values) {
        const Repro repro(p, "plan", GetParam());
        const Tensors tensors(p, edited(values, multiplier()), false);
        const ApproxPlan plan =
            approx_plan(p, device_forms(multiplier()), emulated_device(), placed_of(tensors));
        ASSERT_FALSE(plan.steps.empty()) << plan.reason;
        expect_same_bits(run(plan, tensors, nullptr), in_order(p, values, times_of(multiplier())));
    }

    UseEmulatedDriver driver_;
};

INSTANTIATE_TEST_SUITE_P(Cuda, ApproxCudaPlan, testing::ValuesIn(kMultipliers),
                         [](const auto &info) {
                             std::string name;
                             for (const char c : info.param) {
                                 if (std::isalnum(static_cast<unsigned char>(c))) name += c;
                             }
                             return name;
                         });

// Weights without zeros, with zeros, and operands whose products leave the normal range: each has its form.
TEST_P(ApproxCudaPlan, TheDeviceTakesTheFormThatTheOperandsAllow) {
    const float inf = std::numeric_limits<float>::infinity();
    const Values special{inf,      -inf,    std::numeric_limits<float>::quiet_NaN(),
                         0.0f,     -0.0f,   1e-40f,
                         3e38f,    -2e-19f, 1.9e19f,
                         1.2e-38f, -1.99f,  2e-36f};
    for (const auto direction : {Direction::kFprop, Direction::kDgrad, Direction::kWgrad}) {
        for (const Format format : {Format::kNhwc, Format::kNchw}) {
            const ConvProblem p = problem("n2ci4ih4iw3co8kh3kw2s2x1p1", direction, format);
            expect_exact(p, approx_operands(p, false));
            expect_exact(p, approx_operands(p, true));
            ConvValues values = approx_operands(p, true);
            std::mt19937 random(test_seed());
            for (Values *v : {&values.input, &values.weight, &values.output}) {
                for (float &x : *v) {
                    if (random() % 2) x = special[random() % special.size()];
                }
            }
            expect_exact(p, values);
        }
    }
}

TEST(ApproxCudaPlans, RangesAreFoundInTensorsOfManyBlocks) {
    const UseEmulatedDriver driver;
    const Multiplier mbm{Model::kMbm, 0};
    const ConvProblem p = problem("n2ci4ih61iw61co4kh1kw1s1p0", Direction::kFprop, Format::kNhwc);
    ConvValues values = approx_operands(p, false);
    for (const float last : {1.0f, 1e38f}) {  // the last element leaves the range
        values.input.back() = last;
        const Tensors tensors(p, values, false);
        const ApproxPlan plan =
            approx_plan(p, device_forms(mbm), emulated_device(), placed_of(tensors));
        ASSERT_GT(plan.range_blocks, 1);
        expect_same_bits(run(plan, tensors, nullptr), in_order(p, values, times_of(mbm)));
    }
}

// Whatever the device would choose: gradients of the weight have zeros, and images without channels in fours no kernel
// of the first form.
TEST(ApproxCudaPlans, ForcedOnesRunTheirForm) {
    const UseEmulatedDriver driver;
    const Multiplier mbm{Model::kMbm, 0};
    const std::vector<ProductForm> forms = device_forms(mbm);
    for (const auto &[direction, first, runs] :
         std::vector<std::tuple<Direction, size_t, std::string>>{
             {Direction::kFprop, 0, "mbm_zeros"},
             {Direction::kFprop, 2, "log_bits"},
             {Direction::kDgrad, 1, "mbm_zeros"},
             {Direction::kWgrad, 1, "mbm_zeros"},
             {Direction::kWgrad, 2, "log_bits"}}) {
        const ConvProblem p = problem("n2ci5ih6iw5co6kh3kw3s2p1", direction, Format::kNhwc);
        const ConvValues values = approx_operands(p, first > 0);
        const Tensors tensors(p, values, false);
        const ApproxPlan plan =
            forced_approx_plan(p, {forms.begin() + first, forms.end()}, emulated_device());
        ASSERT_FALSE(plan.steps.empty()) << plan.reason;
        EXPECT_NE(plan.kernels().find("approx_gemm_" + runs), std::string::npos) << plan.kernels();
        driver->launches.clear();
        expect_same_bits(run(plan, tensors, nullptr), in_order(p, values, times_of(mbm)));
        for (const EmulatedLaunch &launch : driver->launches)
            EXPECT_EQ(launch.kernel.find("operand_range"), std::string::npos);
    }
}

TEST(ApproxCudaPlans, ForcedOnesTakeTheKernelForItsPass) {
    const UseEmulatedDriver driver;
    const auto found = std::find_if(
        product_kernels().begin(), product_kernels().end(),
        [](const ProductKernel &k) { return k.product == "log_bits" && k.params.vec == 1; });
    ASSERT_NE(found, product_kernels().end());
    const ProductKernel made = *found;  // which the library's choice never is
    const ConvProblem p = problem("n2ci8ih6iw6co8kh3kw3s2p1", Direction::kDgrad, Format::kNhwc);
    const std::vector<ProductForm> forms = {device_forms({Model::kMbm, 0}).back()};
    const auto plan = [&](int phase) {
        return forced_approx_plan(p, forms, emulated_device(), &made, phase);
    };
    for (int phase = 0; phase < 4; phase++) {
        const ApproxPlan forced = plan(phase);
        ASSERT_EQ(forced.steps.size(), 4u) << forced.reason;
        for (int i = 0; i < 4; i++)
            EXPECT_EQ(forced.steps[i].forms.front().step.kernel == &made, i == phase);
    }
    EXPECT_EQ(plan(4).reason, "there is no pass 4");
    ConvProblem nowhere = problem("n1ci4ih5iw5co4kh1kw1s2p0", Direction::kDgrad, Format::kNhwc);
    EXPECT_EQ(forced_approx_plan(nowhere, forms, emulated_device(), &made, 3).reason,
              "no tap reaches this pass");
}

TEST(ApproxCudaPlans, KernelsOfProductsKeepTheOrderOfSums) {
    const UseEmulatedDriver driver;
    const ConvProblem p = problem("n2ci8ih6iw6co8kh3kw3s1p1", Direction::kFprop, Format::kNhwc);
    const auto why = [&](const std::string &schedule, Format format, const Placed &placed = {}) {
        const char *reason =
            why_no_product_kernel(parse_params<Conv2dCudaParams>(schedule), format, p,
                                  conv_passes(p).front(), emulated_device(), placed);
        return std::string(reason == nullptr ? "" : reason);
    };
    EXPECT_EQ(why("vec:4", Format::kNhwc), "");
    EXPECT_EQ(why("vec:1", Format::kNchw), "");
    EXPECT_EQ(why("vec:4", Format::kNchw), "vectors are of another memory format");
    EXPECT_EQ(why("split:1", Format::kNhwc),
              "the order of a sum is specified, so that it has no parts");
    EXPECT_EQ(why("engine:0", Format::kNhwc), "products are those of the gemm engine");
    EXPECT_EQ(why("mma:1", Format::kNhwc), "tensor cores have no approximate products");
    Placed odd;
    odd.output_vectors = false;
    EXPECT_EQ(why("vec:4", Format::kNhwc, odd), "vectors do not begin at multiples of 16 bytes");
    EXPECT_EQ(why("vec:4,apart:1", Format::kNhwc, odd), "");
}

TEST(ApproxCudaPlans, SayWhyThereAreNone) {
    const UseEmulatedDriver driver;
    Placed far;
    far.index_bits = 64;
    const ConvProblem p = problem("n2ci4ih4iw3co8kh3kw2s2x1p1", Direction::kFprop, Format::kNhwc);
    const std::vector<ProductForm> forms = device_forms({Model::kMbm, 0});
    EXPECT_EQ(approx_plan(p, forms, emulated_device(), far).reason,
              "approximate products have CUDA kernels for tensors with fewer than 2^31 elements");
    const ConvProblem phases =
        problem("n1ci1ih999iw999co1kh1kw1s999p0", Direction::kDgrad, Format::kNhwc);
    EXPECT_EQ(approx_plan(phases, forms, emulated_device(), {}).reason,
              "the gradient has more than 4096 phases");
    ProductForm unknown;
    unknown.product = "cubes";
    EXPECT_EQ(approx_plan(p, {unknown}, emulated_device(), {}).reason,
              "no CUDA kernel with the product cubes takes this problem");
}

// Before anything is copied.
TEST(ApproxCudaPlans, KnowWhatIsTooLargeWithoutTensors) {
    const std::string channels = std::to_string(kMostElements / 1023 / 2048);
    const auto why = [&](const std::string &sizes) {
        const ConvProblem p = problem(sizes, Direction::kFprop, Format::kNhwc);
        const char *reason = why_no_approx_plan(p);
        return std::string(reason == nullptr ? "" : reason);
    };
    const std::string small = "ci" + channels + "ih1023iw2048co1kh1kw1s1p0";
    EXPECT_EQ(why("n1" + small), "");
    EXPECT_NE(why("n2" + small), "");
    // Of an expanded tensor; more than 64 bits count.
    EXPECT_NE(why("n999999999ci999999999ih999999999iw999co1kh1kw1s1p0"), "");
    EXPECT_EQ(why_not_edited(kMostElements), nullptr);
    EXPECT_STREQ(why_not_edited(kMostElements + 1),
                 "operands of approximate products have fewer than 2^31 elements on CUDA");
}

TEST(ApproxCudaPlans, NameWhatRuns) {
    const UseEmulatedDriver driver;
    const std::vector<ProductForm> forms = device_forms({Model::kMbm, 0});
    const auto kernels = [&](const std::string &sizes) {
        const ConvProblem p = problem(sizes, Direction::kFprop, Format::kNhwc);
        return approx_plan(p, forms, emulated_device(), {}).kernels();
    };
    const std::string wide = kernels("n8ci64ih28iw28co64kh3kw3s1p1");
    EXPECT_EQ(std::count(wide.begin(), wide.end(), '|'), 2) << wide;
    // Channels that are no vectors: there is no kernel for weights without zeros alone.
    const std::string odd = kernels("n8ci63ih28iw28co64kh3kw3s1p1");
    EXPECT_EQ(std::count(odd.begin(), odd.end(), '|'), 1) << odd;
}

}  // namespace
}  // namespace convwright::cuda
