// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/byte_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "autotune/verify/tensor4.h"
#include "runtime/multipliers/int8_conv.h"

namespace convwright {
namespace {

const std::vector<std::string> kProducts = {"dot_s8", "dot_s8x3", "dot_s8x20",
                                            "dot_u8", "table16",  "table32"};

std::shared_ptr<const ByteModel> model_of(const std::string &product, uint32_t seed) {
    return byte_model(*find_byte_product(product), seed);
}

TEST(ByteModel, IsOfItsProduct) {
    for (const std::string &product : kProducts) {
        const auto first = model_of(product, 1), second = model_of(product, 2);
        EXPECT_EQ(format_byte_product(first->device.by()), product);
        EXPECT_EQ(format_byte_product(second->device.by()), product);
        EXPECT_NE(first->table.values, second->table.values) << product;
        EXPECT_NE(first->pad_value, second->pad_value) << product;
        EXPECT_NE(first->pad_value, 0);
        // Behind the last channel kernels look up bytes of 0, whose products must not hide.
        EXPECT_NE(first->table.values.front(), 0) << product;
        EXPECT_EQ(model_of(product, 1)->device.words, first->device.words);
    }
}

/// By the scalar engine of the CPU.
Values by_engine(const ConvProblem &p, const ConvValues &values, const ByteModel &model) {
    const auto table = std::make_shared<const Int8Table>(model.table, Classification{});
    const Int8Plan plan = int8_plan(p, table, model.pad_value, {}, Int8Engine::kScalar);
    const auto tensor = [&](const Quad &sizes, const Values &of) {
        return Tensor4(sizes, strides_for(sizes, p.format, false), Placement::kEnd, of,
                       Element::kByte);
    };
    const Tensor4 input = tensor(input_sizes(p), values.input);
    const Tensor4 weight = tensor(weight_sizes(p), values.weight);
    const Tensor4 output(output_sizes(p), strides_for(output_sizes(p), p.format, true),
                         Placement::kEnd, Element::kInt32);
    GuardedFloats workspace((plan.workspace + 3) / 4, Placement::kEnd, kWorkspaceAlignment);
    CallContext context;
    EXPECT_TRUE(run_int8_conv(context, plan, input.activation(), weight.weight(),
                              output.activation(), workspace.data()))
        << context.error();
    EXPECT_TRUE(output.redzones_intact());
    return output.values();
}

TEST(ByteSums, AreTheEnginesBitForBit) {
    for (const char *text : {"fprop_n2ci4ih5iw6co6kh3kw2s2p1g2_f32_nhwc",
                             "fprop_n1ci3ih6iw4co5kh2kw3s1x2p1x0d2x1_f32_nchw"}) {
        const ConvProblem p = parse_problem(text);
        const ConvValues values = byte_values(p, 3);
        std::vector<int64_t> all(static_cast<size_t>(p.n * p.co * p.oh() * p.ow()));
        std::iota(all.begin(), all.end(), 0);
        for (const std::string &product : kProducts) {
            const auto model = model_of(product, 1);
            const Values sums = byte_sums(p, values, *model, all);
            const Values engines = by_engine(p, values, *model);
            ASSERT_EQ(engines.size(), sums.size());
            for (size_t i = 0; i < sums.size(); i++)
                EXPECT_EQ(std::bit_cast<int32_t>(sums[i]), std::bit_cast<int32_t>(engines[i]))
                    << product << " " << i;
            const Values some = byte_sums(p, values, *model, {5});
            EXPECT_EQ(std::bit_cast<int32_t>(some[0]), std::bit_cast<int32_t>(sums[5]));
        }
    }
}

TEST(ByteValues, AreAllBytes) {
    const ConvProblem p = parse_problem("fprop_n4ci32ih16iw16co64kh3kw3s1p1_f32_nhwc");
    const ConvValues values = byte_values(p, 1);
    EXPECT_TRUE(values.bytes);
    for (const Values *tensor : {&values.input, &values.weight}) {
        std::vector<bool> seen(256);
        for (const float value : *tensor) seen.at(static_cast<size_t>(value)) = true;
        EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 256);
    }
}

// Sums that are NaN as floats, too.
TEST(Tensor4, HoldsBytesAndSumsAsTheyAre) {
    const Quad sizes{1, 2, 1, 2};
    const Values bytes = {0, 127, 128, 255};
    EXPECT_EQ(Tensor4(sizes, strides_for(sizes, Format::kNhwc, true), Placement::kEnd, bytes,
                      Element::kByte)
                  .values(),
              bytes);
    const std::vector<int32_t> sums = {-1, 0x7fa00001, INT32_MIN, 7};
    Values of_sums;
    for (const int32_t sum : sums) of_sums.push_back(std::bit_cast<float>(sum));
    const Values back = Tensor4(sizes, strides_for(sizes, Format::kNchw, false), Placement::kStart,
                                of_sums, Element::kInt32)
                            .values();
    for (size_t i = 0; i < sums.size(); i++) EXPECT_EQ(std::bit_cast<int32_t>(back[i]), sums[i]);
}

}  // namespace
}  // namespace convwright
