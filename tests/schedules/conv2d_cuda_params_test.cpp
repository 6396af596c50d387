// SPDX-License-Identifier: Apache-2.0
#include "schedules/conv2d_cuda_params.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace convwright {
namespace {

using P = Conv2dCudaParams;

constexpr int kShared = 48 * 1024;

ConvPass pass_of(const std::string &problem, size_t phase = 0) {
    return conv_passes(parse_problem(problem)).at(phase);
}

std::string why(const std::string &schedule, const ConvPass &pass, Format format,
                int most_shared = kShared, int capability = 75) {
    const char *text = parse_params<P>(schedule).why_illegal(pass, format, capability, most_shared);
    return text == nullptr ? "" : text;
}

TEST(Conv2dCudaParams, TextFormIsRead) {
    const auto params = parse_params<P>("co:128,co_t:8,vec:4,stages:3");
    EXPECT_EQ(params.co, 128);
    EXPECT_EQ(params.threads(), 128 / 8 * (64 / 8));
    EXPECT_EQ(params.shared_bytes(), 3 * 16 * (128 + 64) * 4);
    EXPECT_EQ(format_params(parse_params<P>(format_params(params))), format_params(params));
}

TEST(Conv2dCudaParams, DirectAcceptsWhatOthersRefuse) {
    const ConvPass odd = pass_of("fprop_n2ci5ih7iw9co3kh3kw3s2p1_f32_nhwc");
    EXPECT_EQ(why("engine:0", odd, Format::kNhwc), "");
    EXPECT_NE(why("vec:4", odd, Format::kNhwc), "");
    EXPECT_EQ(why("engine:0", pass_of("fprop_n1ci70000ih2iw2co70000kh1kw1s1p0g70000_f32_nchw"),
                  Format::kNchw),
              "");
    EXPECT_NE(
        why("", pass_of("fprop_n1ci70000ih2iw2co70000kh1kw1s1p0g70000_f32_nchw"), Format::kNchw),
        "");
}

TEST(Conv2dCudaParams, VectorsNeedWholeFours) {
    const ConvPass whole = pass_of("fprop_n1ci8ih4iw4co12kh1kw1s1p0_f32_nhwc");
    EXPECT_EQ(why("vec:4", whole, Format::kNhwc), "");
    EXPECT_EQ(why("vec:4", pass_of("fprop_n1ci16ih4iw4co24kh1kw1s1p0g2_f32_nhwc"), Format::kNhwc),
              "");
    EXPECT_NE(why("vec:4", pass_of("fprop_n1ci16ih4iw4co12kh1kw1s1p0g2_f32_nhwc"), Format::kNhwc),
              "");
    // Linear chunks read channels one by one, but store vectors.
    const ConvPass first = pass_of("fprop_n1ci3ih4iw5co12kh3kw3s1p1_f32_nhwc");
    EXPECT_NE(why("vec:4", first, Format::kNhwc), "");
    EXPECT_EQ(why("vec:4,linear:1", first, Format::kNhwc), "");
    // nchw stores pixels: 4 x 5 of them are whole fours, every second of a gradient is none.
    EXPECT_EQ(why("vec:4", first, Format::kNchw), "");
    EXPECT_NE(why("vec:4", pass_of("fprop_n4ci3ih3iw5co12kh3kw3s1p1_f32_nchw"), Format::kNchw), "");
    EXPECT_NE(why("vec:4", pass_of("dgrad_n1ci3ih8iw8co12kh3kw3s2p1_f32_nchw"), Format::kNchw), "");
}

TEST(Conv2dCudaParams, OutputsStoredApartAreAnyChannels) {
    const std::string narrow = "vec:4,co:8,px:128,px_t:4,apart:1";
    const ConvPass few = pass_of("fprop_n1ci8ih4iw4co3kh1kw1s1p0_f32_nhwc");
    EXPECT_EQ(why(narrow, few, Format::kNhwc), "");
    EXPECT_EQ(why("vec:4,co:8,px:128,px_t:4", few, Format::kNhwc),
              "the channels of a group are not whole vectors");
    EXPECT_EQ(why(narrow, pass_of("fprop_n1ci6ih4iw4co3kh1kw1s1p0_f32_nhwc"), Format::kNhwc),
              "the channels of a group are not whole vectors");
    // In dgrad the channels change places.
    EXPECT_EQ(why(narrow, pass_of("dgrad_n1ci3ih4iw4co8kh1kw1s1p0_f32_nhwc"), Format::kNhwc), "");
    const std::string nothing = "only outputs beside vectors that are read are stored apart";
    EXPECT_EQ(why("co:8,px:128,px_t:4,apart:1", few, Format::kNhwc), nothing);
    EXPECT_EQ(why(narrow + ",linear:1", few, Format::kNhwc), nothing);
    EXPECT_EQ(why(narrow + ",split:1", few, Format::kNhwc), nothing);
    EXPECT_EQ(why(narrow, few, Format::kNchw), nothing);
    EXPECT_EQ(why("engine:0,apart:1", few, Format::kNhwc), "nothing is staged");
    EXPECT_EQ(parse_params<P>(narrow).store_vector(), 1);
    EXPECT_EQ(parse_params<P>("vec:4").store_vector(), 4);
    // Of short floats, too.
    const std::string shorts = "mma:2,vec:8,chunk:32,co:16,px:128,co_t:16,px_t:32";
    EXPECT_EQ(why(shorts + ",apart:1", few, Format::kNhwc, kShared, 80), "");
    EXPECT_EQ(why(shorts, few, Format::kNhwc, kShared, 80),
              "the channels of a group are not whole vectors");
}

// 8 threads read at a time: of 64 bytes each, two rows share no bank and the third begins where the first did.
TEST(Conv2dCudaParams, RowsOfManyPixelsAreApart) {
    const auto row = [](const std::string &knobs) {
        return parse_params<P>("vec:4,px:128,px_t:4," + knobs).pixel_row();
    };
    EXPECT_EQ(row("co:32"), 16);
    EXPECT_EQ(row("co:16"), 16);
    EXPECT_EQ(row("co:8"), 20);
    EXPECT_EQ(row("co:16,co_t:8"), 20);
    EXPECT_EQ(row("co:8,chunk:8"), 8);
    EXPECT_EQ(parse_params<P>("vec:4,px:128,co:8").shared_bytes(), (16 * 8 + 128 * 20) * 4);
}

TEST(Conv2dCudaParams, FloatKnobsAreThoseOfEveryLegalScheduleOfFloat32) {
    const auto most = [](const std::vector<Knob<P>> &table, const char *name) {
        const auto knob =
            std::ranges::find_if(table, [&](const auto &k) { return k.name == std::string(name); });
        return std::ranges::max(knob->values);
    };
    const auto floats = P::float_knobs();
    ASSERT_EQ(floats.size(), P::knobs().size());
    const ConvPass pass = pass_of("fprop_n1ci8ih4iw4co8kh1kw1s1p0_f32_nhwc");
    for (const auto &[name, value] : {std::pair{"mma", P::kTf32}, {"vec", 4}, {"chunk", 16}}) {
        EXPECT_EQ(most(floats, name), value) << name;
        const int beyond = most(P::knobs(), name);
        const std::string schedule = std::string(name) + ":" + std::to_string(beyond);
        EXPECT_NE(why(schedule, pass, Format::kNhwc, kShared, 80), "") << schedule;
    }
    EXPECT_EQ(most(floats, "co"), 128);
}

TEST(Conv2dCudaParams, BlocksFitTheDevice) {
    const ConvPass pass = pass_of("fprop_n1ci8ih4iw4co12kh1kw1s1p0_f32_nhwc");
    EXPECT_EQ(why("co:128,px:128,co_t:8,px_t:8,stages:3", pass, Format::kNhwc), "");
    EXPECT_NE(why("co:128,px:128,co_t:8,px_t:8,stages:4", pass, Format::kNhwc), "");
    EXPECT_EQ(why("co:128,px:128,co_t:8,px_t:8,stages:4", pass, Format::kNhwc, 100 * 1024), "");
    EXPECT_NE(why("co:16,px:16,co_t:4,px_t:4", pass, Format::kNhwc), "");
}

TEST(Conv2dCudaParams, TensorCoresTakeVectorsOfChannels) {
    const ConvPass pass = pass_of("fprop_n1ci8ih4iw4co12kh1kw1s1p0_f32_nhwc");
    const auto on = [&](int capability, const std::string &knobs, Format format = Format::kNhwc) {
        return why("mma:1," + knobs, pass, format, kShared, capability);
    };
    const auto params = parse_params<P>("vec:4,mma:1,co:64,px:128,co_t:32,px_t:64,stages:3");
    EXPECT_EQ(params.threads(), 4 * 32);
    EXPECT_EQ(params.shared_bytes(), 3 * (16 * (64 + 8) + 128 * (16 + 4)) * 4);
    EXPECT_EQ(on(80, "vec:4,co_t:32,px_t:32"), "");
    EXPECT_NE(on(75, "vec:4,co_t:32,px_t:32"), "");
    EXPECT_NE(on(80, "vec:1,co_t:32,px_t:32"), "");
    EXPECT_NE(on(80, "vec:4,co_t:32,px_t:32,linear:1"), "");
    EXPECT_NE(on(80, "vec:4,co_t:32,px_t:32", Format::kNchw), "");
    EXPECT_NE(on(80, "vec:4,co_t:4,px_t:32"), "");
    EXPECT_NE(on(80, "vec:4,co_t:32,px_t:8"), "");
    EXPECT_NE(why("co_t:32,px_t:32", pass, Format::kNhwc), "") << "without mma";
}

TEST(Conv2dCudaParams, ShortFloatsComeInEightsOrOneByOne) {
    const ConvPass eights = pass_of("fprop_n1ci8ih4iw4co16kh1kw1s1p0_bf16_nhwc");
    const ConvPass few = pass_of("fprop_n1ci3ih4iw4co10kh1kw1s1p0_bf16_nhwc");
    const auto on = [&](const std::string &knobs, const ConvPass &pass, int capability = 80,
                        Format format = Format::kNhwc) {
        return why("mma:2,co_t:32,px_t:32," + knobs, pass, format, kShared, capability);
    };
    const auto params = parse_params<P>("mma:2,vec:8,co:64,px:128,co_t:32,px_t:64,chunk:32");
    EXPECT_EQ(params.shared_bytes(), (64 + 128) * (32 + 8) * 2);
    EXPECT_EQ(on("vec:8,chunk:32", eights), "");
    EXPECT_EQ(on("linear:1,chunk:32", few), "");
    EXPECT_EQ(on("chunk:16", few), "");
    EXPECT_EQ(on("vec:8,chunk:32", few), "the channels of a group are not whole vectors");
    EXPECT_EQ(on("vec:8,chunk:32", eights, 75),
              "tensor cores multiply floats from compute capability 8.0 on");
    EXPECT_EQ(on("vec:8,chunk:8", eights),
              "tensor cores add 16 products of short floats at a time");
    EXPECT_EQ(on("vec:4,chunk:32", eights), "16 bytes are 8 short floats");
    EXPECT_EQ(on("vec:8,linear:1", eights), "chunks over taps are read one by one");
    EXPECT_NE(on("vec:8", eights, 80, Format::kNchw), "");
    EXPECT_EQ(why("vec:8", eights, Format::kNhwc), "16 bytes are 4 floats");
    EXPECT_NE(why("vec:4,chunk:32", eights, Format::kNhwc), "");
}

TEST(Conv2dCudaParams, StripsAreOfGroupsOfOneChannel) {
    const std::string strips = "engine:2,co:32,vec:4,px_t:4,taps:3";
    const auto of = [&](const std::string &knobs, const std::string &problem) {
        const std::string format = problem.substr(problem.size() - 4);
        return why(knobs, pass_of(problem), format == "nhwc" ? Format::kNhwc : Format::kNchw);
    };
    const std::string wide = "fprop_n2ci36ih9iw9co36kh3kw3s1p1g36_f32_nhwc";
    EXPECT_EQ(of(strips, wide), "");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co36kh2kw3s2x1p1d3x1g36_f32_nhwc"), "");
    EXPECT_EQ(of("engine:2,co:1,px_t:8,taps:3", "fprop_n2ci5ih9iw9co5kh3kw3s1p1g5_f32_nchw"), "");
    // Along strips: columns of nhwc, rows of nchw.
    EXPECT_EQ(of("engine:2,co:1,taps:5,stride:2", "fprop_n2ci5ih9iw9co5kh5kw3s2x1p1g5_f32_nchw"),
              "");
    EXPECT_EQ(of(strips + ",stages:3", wide), "nothing is staged");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co36kh3kw3s1p1g18_f32_nhwc"),
              "groups have more than one channel");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co72kh3kw3s1p1g36_f32_nhwc"),
              "groups have more than one channel");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co36kh3kw5s1p1g36_f32_nhwc"),
              "another number of taps is compiled in");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co36kh3kw3s2p1g36_f32_nhwc"),
              "another stride is compiled in");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co36kh3kw3s1p1d2g36_f32_nhwc"),
              "the taps are not side by side");
    EXPECT_EQ(of(strips, "fprop_n2ci36ih9iw9co36kh5kw3s1p1g36_f32_nhwc"),
              "there are more taps than places for them");
    EXPECT_EQ(of("engine:2,co:1,vec:4,px_t:4,taps:3", wide),
              "a block has no whole vectors of channels");
    EXPECT_EQ(of(strips, "fprop_n2ci34ih9iw9co34kh3kw3s1p1g34_f32_nhwc"),
              "the channels are not whole vectors");
    EXPECT_EQ(of("engine:2,co:32,px_t:4,taps:3", "fprop_n2ci5ih9iw9co5kh3kw3s1p1g5_f32_nchw"),
              "threads side by side are columns of one channel");
    EXPECT_EQ(of("engine:2,co:32,px_t:16,taps:3", wide),
              "a thread has more outputs than registers");
    EXPECT_EQ(
        of("engine:2,co:1,px_t:4,taps:3", "fprop_n40000ci1ih480iw480co1kh3kw3s1p1g1_f32_nchw"),
        "there are nearly 2^31 output pixels or more");
    EXPECT_EQ(of("taps:3", wide), "taps and stride are any");
    EXPECT_EQ(of("engine:0,stride:2", wide), "taps and stride are any");
}

TEST(Conv2dCudaParams, CountsStrips) {
    const auto params = parse_params<P>("engine:2,co:32,vec:4,px_t:4,taps:3");
    EXPECT_EQ(params.threads(), 128);
    EXPECT_EQ(params.shared_bytes(), 3 * 4 * 36 * 4);  // as ptxas says
    const ConvPass pass = pass_of("fprop_n2ci36ih7iw9co36kh3kw3s1p1g36_f32_nhwc");
    EXPECT_EQ(params.strips(pass, Format::kNhwc), 2 * 7 * 3);
    EXPECT_EQ(params.strips(pass, Format::kNchw), 2 * 9 * 2);
    // 16 strips of 8 vectors.
    EXPECT_EQ(params.strip_blocks(pass, Format::kNhwc), 3 * 2);
}

TEST(Conv2dCudaParams, TurnsCoverTheSum) {
    const ConvPass pass = pass_of("fprop_n1ci20ih4iw4co12kh3kw3s1p1_f32_nhwc");
    EXPECT_EQ(parse_params<P>("chunk:16").turns(pass), 9 * 2);
    EXPECT_EQ(parse_params<P>("chunk:16,linear:1").turns(pass), (9 * 20 + 15) / 16);
}

}  // namespace
}  // namespace convwright
