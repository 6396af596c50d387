// SPDX-License-Identifier: Apache-2.0
#include "runtime/conv_pass.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <utility>

namespace convwright {
namespace {

/// (position read, tap) of every product that a written position sums up.
using Products = std::map<int, std::set<std::pair<int, int>>>;

/// Along the columns, straight from the definition ox * stride - pad + k * dilation = ix.
Products by_definition(const ConvProblem &p) {
    Products products;
    const bool dgrad = p.direction == Direction::kDgrad;
    for (int written = 0; written < (dgrad ? p.iw : p.ow()); written++) products[written];
    for (int ox = 0; ox < p.ow(); ox++) {
        for (int k = 0; k < p.kw; k++) {
            const int ix = static_cast<int>(ox * p.stride_w - p.pad_w + k * p.dilation_w);
            if (ix < 0 || ix >= p.iw) continue;
            products[dgrad ? ix : ox].insert({dgrad ? ox : ix, k});
        }
    }
    return products;
}

/// The same as the engine computes it from an axis of a pass.
void add_products(const PassAxis &axis, Products &products) {
    for (int q = 0; q < axis.out; q++) {
        auto &sum = products[axis.out_first + q * axis.out_step];
        for (int j = 0; j < axis.taps.count; j++) {
            const int in = q * axis.stride - axis.pad + j * axis.dilation;
            if (in < 0 || in >= axis.in) continue;
            EXPECT_TRUE(
                sum.insert({in * axis.in_step, axis.taps.first + j * axis.taps.step}).second);
        }
    }
}

/// Calls visit for every possible geometry of the columns; the rows differ from them and stay.
void for_each_geometry(const std::function<void(const ConvProblem &)> &visit) {
    ConvProblem p;
    p.ih = 5, p.kh = 2, p.stride_h = 2, p.pad_h = 1;
    for (p.stride_w = 1; p.stride_w <= 4; p.stride_w++)
        for (p.dilation_w = 1; p.dilation_w <= 3; p.dilation_w++)
            for (p.pad_w = 0; p.pad_w <= 5; p.pad_w++)
                for (p.kw = 1; p.kw <= 7; p.kw++)
                    for (const int64_t iw : {1, 2, 3, 4, 7, 12, 13}) {
                        p.iw = iw;
                        for (const Format format : {Format::kNchw, Format::kNhwc}) {
                            p.format = format;
                            if (why_impossible(p) == nullptr) visit(p);
                        }
                    }
}

TEST(ConvPass, FpropIsOnePassOfItsDefinition) {
    for_each_geometry([](const ConvProblem &p) {
        const auto passes = conv_passes(p);
        ASSERT_EQ(passes.size(), 1u);
        EXPECT_FALSE(passes[0].transposed);
        Products products;
        add_products(passes[0].x, products);
        EXPECT_EQ(products, by_definition(p)) << format_problem(p);
    });
}

TEST(ConvPass, WgradVisitsThePixelsOfFprop) {
    for_each_geometry([](ConvProblem p) {
        const Products fprop = by_definition(p);
        p.direction = Direction::kWgrad;
        const auto passes = conv_passes(p);
        ASSERT_EQ(passes.size(), 1u);
        EXPECT_FALSE(passes[0].transposed);
        Products products;
        add_products(passes[0].x, products);
        EXPECT_EQ(products, fprop) << format_problem(p);
    });
}

TEST(ConvPass, DgradSumsWhatItsDefinitionSays) {
    for_each_geometry([](ConvProblem p) {
        p.direction = Direction::kDgrad;
        Products products;
        for (const ConvPass &pass : conv_passes(p)) {
            EXPECT_TRUE(pass.transposed);
            if (pass.y.out_first == 0) add_products(pass.x, products);
        }
        EXPECT_EQ(products, by_definition(p)) << format_problem(p);
    });
}

TEST(ConvPass, DgradWritesEveryElementOnce) {
    for_each_geometry([](ConvProblem p) {
        p.direction = Direction::kDgrad;
        std::map<std::pair<int, int>, int> writes;
        for (const ConvPass &pass : conv_passes(p)) {
            for (int y = 0; y < pass.y.out; y++) {
                for (int x = 0; x < pass.x.out; x++) {
                    writes[{pass.y.out_first + y * pass.y.out_step,
                            pass.x.out_first + x * pass.x.out_step}]++;
                }
            }
        }
        EXPECT_EQ(static_cast<int64_t>(writes.size()), p.ih * p.iw) << format_problem(p);
        for (const auto &[position, count] : writes) {
            EXPECT_EQ(count, 1) << format_problem(p);
            EXPECT_LT(position.first, p.ih) << format_problem(p);
            EXPECT_LT(position.second, p.iw) << format_problem(p);
        }
    });
}

TEST(ConvPass, SwapsTheChannelsOfAGroupForDgrad) {
    ConvProblem p = parse_problem("fprop_n3ci8ih5iw5co12kh3kw3s1p1g4_f32_nhwc");
    const ConvPass forward = conv_passes(p).at(0);
    EXPECT_EQ(forward.n, 3);
    EXPECT_EQ(forward.groups, 4);
    EXPECT_EQ(forward.ci, 2);
    EXPECT_EQ(forward.co, 3);
    EXPECT_EQ(forward.taps(), 9);
    p.direction = Direction::kDgrad;
    const ConvPass backward = conv_passes(p).at(0);
    EXPECT_EQ(backward.groups, 4);
    EXPECT_EQ(backward.ci, 3);
    EXPECT_EQ(backward.co, 2);
}

TEST(ConvPass, FoldedTakesARowOfTapsAndChannelsForOneLoop) {
    const auto pass = [](const char *text) { return conv_passes(parse_problem(text)).at(0); };
    const ConvPass row = folded(pass("fprop_n1ci3ih9iw11co5kh3kw5s2p2_f32_nhwc"));
    EXPECT_EQ(row.ci, 1);
    EXPECT_EQ(row.x.in, 33);
    EXPECT_EQ(row.x.out, 6);
    EXPECT_EQ(row.x.stride, 6);
    EXPECT_EQ(row.x.pad, 6);
    EXPECT_EQ(row.x.taps.count, 15);
    EXPECT_EQ(row.y.taps.count, 3);
    EXPECT_TRUE(can_fold(pass("fprop_n1ci3ih9iw11co5kh3kw5s2p2d2x1_f32_nhwc")));
    EXPECT_FALSE(can_fold(pass("fprop_n1ci3ih9iw11co5kh3kw5s2p2d1x2_f32_nhwc")));
    EXPECT_FALSE(can_fold(pass("fprop_n1ci4ih9iw11co4kh3kw5s2p2g2_f32_nhwc")));
}

}  // namespace
}  // namespace convwright
