// SPDX-License-Identifier: Apache-2.0
// CUDA kernels of 8-bit products, run on the CPU, against the definition: every sum equal.
#include "runtime/cuda/byte_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "runtime/multipliers/multiplier.h"
#include "tests/repro.h"
#include "tests/runtime/cuda/emulated_driver.h"
#include "tests/runtime/multipliers/example_tables.h"
#include "tests/runtime/multipliers/int8_problem.h"
#include "tests/seed.h"

namespace convwright::cuda {
namespace {

/// A table and what the device has of it.
struct Example {
    std::string name;
    Table8 table;
    DeviceTable on_device;

    Example(std::string n, Table8 t)
        : name(std::move(n)),
          table(std::move(t)),
          on_device(device_table(table, classify(table, kDeviceTableCost))) {}
};

Table8 of(Model model, int parameter, NumberFormat format) {
    return {format == NumberFormat::kInt8, product_table({model, parameter}, format)};
}

const std::vector<Example> &examples() {
    static const std::vector<Example> all = [] {
        std::mt19937 random(test_seed());
        std::vector<Example> t;
        t.emplace_back("int8 exact", of(Model::kExact, 0, NumberFormat::kInt8));
        t.emplace_back("uint8 exact", of(Model::kExact, 0, NumberFormat::kUint8));
        t.emplace_back("uint8 drum(4)", of(Model::kDrum, 4, NumberFormat::kUint8));
        t.emplace_back("int8 rank 3", random_low_rank(true, 3, 300, random));
        t.emplace_back("int8 mbm", of(Model::kMbm, 0, NumberFormat::kInt8));
        t.emplace_back("16 bits", table_of(true, [&](int, int) { return int16_t(random()); }));
        t.emplace_back("32 bits", table_of(true, [&](int, int) { return int32_t(random()); }));
        return t;
    }();
    return all;
}

ConvProblem parsed(const std::string &sizes, Format format) {
    ConvProblem p = parse_problem("fprop_" + sizes + "_f32_nhwc");
    p.format = format;
    return p;
}

/// Where the tensors of the output's sizes lie, for plans.
Placed placed_of(const ConvProblem &p, Layout layout) {
    const Strides s(p.n, p.co, p.oh(), p.ow(), layout);
    return placed(p, {nullptr, s.n, s.c, s.h, s.w}, {nullptr, 1, 1, 1, 1});
}

void expect_definition(const BytePlan &plan, const Int8Problem &problem, const Example &example,
                       const Int8Layouts &layouts) {
    const Repro repro(problem.problem, plan.kernel->name, example.name);
    Guarded<int32_t> workspace((plan.workspace + 3) / 4 * 4, Placement::kMiddle);
    Guarded<int32_t> words((static_cast<int64_t>(example.on_device.words.size()) + 15) / 16 * 16,
                           Placement::kMiddle);
    std::copy(example.on_device.words.begin(), example.on_device.words.end(), words.data());
    words.protect();
    const auto call = [&](CallContext &context, const Activation &input, const Weight &weight,
                          const Activation &output) {
        return run_byte_conv(context, plan, example.on_device,
                             {input, weight, output, words.data(), problem.pad_value},
                             workspace.data());
    };
    const std::vector<int32_t> actual = problem.run(call, layouts);
    EXPECT_TRUE(workspace.redzones_intact()) << "A kernel wrote around its workspace.";
    const std::vector<int32_t> expected = problem.definition(example.table);
    const auto [a, e] = std::mismatch(actual.begin(), actual.end(), expected.begin());
    EXPECT_EQ(a, actual.end()) << "element " << a - actual.begin() << " of " << actual.size()
                               << " is " << *a << ", not " << *e;
}

class ByteCuda : public testing::TestWithParam<size_t> {
protected:
    const ByteKernel &kernel() const { return byte_kernels()[GetParam()]; }
    const ByteGemmCudaParams &params() const { return kernel().params; }
    /// Channels that come together.
    int64_t unit() const { return params().vec; }

    /// By this kernel alone, with every example of its product in turn.
    void expect_exact(const std::string &sizes, bool gaps) {
        std::vector<const Example *> fitting;
        for (const Example &example : examples()) {
            if (example.on_device.product == kernel().product) fitting.push_back(&example);
        }
        ASSERT_FALSE(fitting.empty()) << kernel().product;
        const Example &example = *fitting[static_cast<size_t>(runs_++) % fitting.size()];
        const bool strided = gaps && unit() == 1;
        const Layout nhwc = strided ? Layout::kNhwcGaps : Layout::kNhwc;
        const Layout nchw = strided ? Layout::kNchwGaps : Layout::kNchw;
        const Layout output = kernel().format == Format::kNhwc ? nhwc : nchw;
        const ConvProblem p = parsed(sizes, kernel().format);
        const Int8Problem problem(p, static_cast<uint8_t>(random_()), random_());
        const BytePlan plan =
            byte_plan_with(kernel(), p, example.on_device, emulated_device(), placed_of(p, output));
        ASSERT_NE(plan.kernel, nullptr) << plan.reason;
        expect_definition(
            plan, problem, example,
            {gaps ? Layout::kNchwGaps : Layout::kNhwc, gaps ? Layout::kNhwcGaps : Layout::kNchw,
             output, unit() == 1 ? Placement::kEnd : Placement::kMiddle});
    }

    int runs_ = 0;
    std::mt19937 random_{test_seed()};
    UseEmulatedDriver driver_;
};

INSTANTIATE_TEST_SUITE_P(Cuda, ByteCuda, testing::Range<size_t>(0, byte_kernels().size()),
                         [](const auto &info) { return byte_kernels()[info.param].name; });

std::string text(int64_t value) { return std::to_string(value); }

// A race shows as a difference of two orders.
TEST_P(ByteCuda, EachOrderOfThreadsGivesTheSame) {
    for (const auto order :
         {emulator::Order::kForward, emulator::Order::kReversed, emulator::Order::kShuffled}) {
        driver_->order = order;
        expect_exact("n2ci17ih3iw4co" + text(unit()) + "kh3kw3s1p1", false);
    }
}

// Channels, chunks and tiles to the last element, and one more; words of channels and words that gather
// taps; strides, dilations, padding, groups.
TEST_P(ByteCuda, EdgesOfTiles) {
    const int64_t chunk = 4 * params().chunk, co = params().co, columns = params().px / 2;
    expect_exact(
        "n2ci" + text(chunk) + "ih1iw" + text(columns + 1) + "co" + text(co) + "kh1kw1s1p0", false);
    expect_exact("n1ci" + text(chunk + 1) + "ih2iw" + text(columns) + "co" + text(co + unit()) +
                     "kh1kw2s1p0x1",
                 true);
    expect_exact("n2ci3ih7iw5co" + text(2 * unit()) + "kh3kw2s2x1p1d1x2", true);
    expect_exact("n1ci32ih7iw6co" + text(6 * unit()) + "kh3kw2s1x2p1d2x1g2", false);
    expect_exact("n1ci5ih3iw3co" + text(5 * unit()) + "kh1kw1s2p1g5", true);
}

// Sums that leave 32 bits, and bytes that are extreme in either signedness.
TEST_P(ByteCuda, ExtremeOperands) {
    constexpr uint8_t kBytes[] = {0, 127, 128, 255};
    for (const Example &example : examples()) {
        if (example.on_device.product != kernel().product) continue;
        const ConvProblem p = parsed("n1ci20ih2iw2co4kh3kw3s1p1", kernel().format);
        const BytePlan plan = byte_plan_with(kernel(), p, example.on_device, emulated_device(),
                                             placed_of(p, Layout::kNhwc));
        ASSERT_NE(plan.kernel, nullptr) << plan.reason;
        for (const uint8_t byte : kBytes) {
            Int8Problem problem(p, byte, 1);
            std::fill(problem.input.begin(), problem.input.end(), byte);
            const auto k = static_cast<int64_t>(problem.weight.size() / 4);
            for (int64_t c = 0; c < 4; c++) {
                std::fill_n(problem.weight.begin() + c * k, k, kBytes[c]);
            }
            expect_definition(plan, problem, example,
                              {Layout::kNhwc, Layout::kNchw,
                               kernel().format == Format::kNhwc ? Layout::kNhwc : Layout::kNchw,
                               Placement::kMiddle});
        }
    }
}

const Example &example_of(const std::string &name) {
    return *std::find_if(examples().begin(), examples().end(),
                         [&](const Example &e) { return e.name == name; });
}

BytePlan plan_for(const std::string &sizes, const std::string &example, Format format) {
    const ConvProblem p = parsed(sizes, format);
    return byte_plan(p, example_of(example).on_device, emulated_device(), {});
}

TEST(BytePlans, TakeTheFastestKernelOfTheProduct) {
    const UseEmulatedDriver driver;
    const auto schedule = [](const std::string &sizes, const std::string &example,
                             Format format = Format::kNhwc) {
        const BytePlan plan = plan_for(sizes, example, format);
        return plan.kernel == nullptr ? plan.reason
                                      : plan.kernel->product + " " + plan.kernel->schedule;
    };
    const std::string large = "n8ci128ih56iw56co128kh3kw3s1p1";
    EXPECT_NE(schedule(large, "int8 exact").find("dot_s8 co:128"), std::string::npos);
    EXPECT_NE(schedule(large, "uint8 drum(4)").find("dot_u8 co:128"), std::string::npos);
    EXPECT_NE(schedule(large, "int8 exact").find("vec:4"), std::string::npos);
    EXPECT_NE(schedule(large, "int8 exact", Format::kNchw).find("vec:1"), std::string::npos);
    const std::string odd = "n8ci128ih56iw56co127kh3kw3s1p1";
    EXPECT_NE(schedule(odd, "int8 exact").find("vec:1"), std::string::npos);
    EXPECT_NE(schedule(large, "int8 mbm").find("staged:1"), std::string::npos);
    EXPECT_NE(schedule("n8ci128ih56iw56co12kh3kw3s1p1", "int8 mbm").find("co:16"),
              std::string::npos);
    EXPECT_EQ(schedule(large, "32 bits").find("table32"), 0u);
}

// 128 KB of a table in shared memory are more than a block of sm_75 or sm_89 may have.
TEST(BytePlans, LookUpThroughL1WhereSharedMemoryIsSmall) {
    const UseEmulatedDriver driver;
    for (const int kilobytes : {64, 99}) {
        Device device = emulated_device();
        device.shared_bytes = kilobytes * 1024;
        const ConvProblem p = parsed("n8ci64ih56iw56co64kh3kw3s1p1", Format::kNhwc);
        const BytePlan plan = byte_plan(p, example_of("int8 mbm").on_device, device, {});
        ASSERT_NE(plan.kernel, nullptr);
        EXPECT_EQ(plan.kernel->params.staged, 0) << kilobytes;
    }
}

TEST(BytePlans, GatherTapsOfFewChannels) {
    const UseEmulatedDriver driver;
    EXPECT_TRUE(plan_for("n2ci3ih9iw9co8kh3kw3s1p1", "int8 exact", Format::kNhwc).gathers);
    EXPECT_TRUE(plan_for("n2ci8ih9iw9co8kh3kw3s1p1g8", "int8 exact", Format::kNhwc).gathers);
    EXPECT_TRUE(plan_for("n2ci64ih9iw9co8kh1kw1s2p0", "int8 exact", Format::kNhwc).gathers);
    EXPECT_FALSE(plan_for("n2ci64ih9iw9co8kh3kw3s1p1", "int8 exact", Format::kNhwc).gathers);
}

// Of a table its product and its number of terms count, so that plans can be kept.
TEST(BytePlans, AreForEveryTableOfAProduct) {
    const UseEmulatedDriver driver;
    const auto table = [](int32_t first, int32_t least) {
        return Example("16 bits", table_of(true, [=](int a, int w) {
                           return a == 0 && w == 0 ? first : least + (a * a * 7 + w * 13) % 1000;
                       }));
    };
    const Example low = table(-40000, -41000), high = table(500, 4);
    ASSERT_EQ(low.on_device.product, "table16");
    ASSERT_EQ(high.on_device.product, "table16");
    const ConvProblem p = parsed("n1ci5ih4iw3co6kh3kw3s1p1", Format::kNhwc);
    const BytePlan plan = byte_plan(p, low.on_device, emulated_device(), {});
    ASSERT_NE(plan.kernel, nullptr) << plan.reason;
    for (const Example *example : {&low, &high}) {
        expect_definition(plan, Int8Problem(p, 3, 1), *example,
                          {Layout::kNhwc, Layout::kNchw, Layout::kNhwc, Placement::kMiddle});
    }
}

TEST(BytePlans, KernelsAreForTheirProductsAndFormats) {
    const UseEmulatedDriver driver;
    const ByteGemmShape shape =
        plan_for("n2ci64ih9iw9co8kh3kw3s1p1", "int8 exact", Format::kNhwc).shape;
    const auto why = [&](const std::string &schedule, Format format, const std::string &product,
                         Format of_problem = Format::kNhwc, const Placed &placed = {}) {
        const char *reason = why_no_byte_kernel(parse_params<ByteGemmCudaParams>(schedule), format,
                                                *find_byte_product(product), of_problem, shape,
                                                emulated_device(), placed);
        return std::string(reason == nullptr ? "" : reason);
    };
    EXPECT_EQ(why("vec:4", Format::kNhwc, "dot_s8x3"), "");
    EXPECT_EQ(why("vec:1", Format::kNhwc, "dot_u8", Format::kNchw), "");
    EXPECT_EQ(why("staged:1,chunk:4,co:16", Format::kNchw, "table16"), "");
    EXPECT_EQ(why("staged:1", Format::kNchw, "table32"),
              "shared memory is for tables of 16-bit entries");
    EXPECT_EQ(why("vec:4", Format::kNhwc, "table16"),
              "vectors are of channels, and look-ups go along pixels");
    EXPECT_EQ(why("vec:4", Format::kNchw, "dot_s8"),
              "vectors are of channels, which nhwc has side by side");
    EXPECT_EQ(why("vec:4", Format::kNhwc, "dot_s8", Format::kNchw),
              "vectors are of another memory format");
    Placed odd;
    odd.output_vectors = false;
    EXPECT_EQ(why("vec:4", Format::kNhwc, "dot_s8", Format::kNhwc, odd),
              "vectors do not begin at multiples of 16 bytes");
    EXPECT_EQ(why("co:128,co_t:4,px:256,px_t:4", Format::kNchw, "dot_s8"),
              "a block has more than 1024 threads");
    EXPECT_STREQ(
        why_no_byte_plan(parsed("n64ci512ih300iw300co8kh1kw1s1p0", Format::kNhwc), {"dot_s8"}),
        "a tensor has 2^31 elements or more");
    const ConvProblem large = parsed("n64ci512ih200iw200co8kh1kw1s1p0", Format::kNhwc);
    EXPECT_EQ(why_no_byte_plan(large, {"dot_s8"}), nullptr);
    EXPECT_NE(why_no_byte_plan(large, {"dot_s8", 9}), nullptr);
}

TEST(BytePlans, SayWhyThereAreNone) {
    const UseEmulatedDriver driver;
    const ConvProblem p = parsed("n2ci4ih4iw3co8kh3kw2s2x1p1", Format::kNhwc);
    DeviceTable unknown = example_of("int8 exact").on_device;
    unknown.product = "cubes";
    EXPECT_EQ(byte_plan(p, unknown, emulated_device(), {}).reason,
              "no CUDA kernel with the product cubes takes this problem");
    Placed far;
    far.index_bits = 64;
    EXPECT_EQ(byte_plan(p, example_of("int8 exact").on_device, emulated_device(), far).reason,
              "8-bit products have CUDA kernels for tensors with fewer than 2^31 bytes, those that "
              "they pack included");
}

}  // namespace
}  // namespace convwright::cuda
