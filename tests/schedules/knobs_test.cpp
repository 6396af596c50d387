// SPDX-License-Identifier: Apache-2.0
#include "schedules/knobs.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>
#include <string>

#include "schedules/conv2d_params.h"
#include "schedules/conv2d_wgrad_params.h"
#include "tests/seed.h"

namespace convwright {
namespace {

template<typename Params>
class Knobs : public testing::Test {};
using AllParams = testing::Types<Conv2dCpuParams, Conv2dWgradCpuParams>;
TYPED_TEST_SUITE(Knobs, AllParams);

TYPED_TEST(Knobs, RoundTripThroughTheirText) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 200; i++) {
        TypeParam params;
        for (const auto &knob : TypeParam::knobs()) {
            params.*knob.member = knob.values[random() % knob.values.size()];
        }
        const std::string text = format_params(params);
        const TypeParam parsed = parse_params<TypeParam>(text);
        for (const auto &knob : TypeParam::knobs()) {
            EXPECT_EQ(parsed.*knob.member, params.*knob.member) << text;
        }
        EXPECT_EQ(format_params(parsed), text);
    }
}

TYPED_TEST(Knobs, DefaultsAreValuesOfTheirLists) {
    EXPECT_EQ(format_params(parse_params<TypeParam>("")), format_params(TypeParam{}));
    EXPECT_NO_THROW(parse_params<TypeParam>(format_params(TypeParam{})));
}

TEST(KnobText, KnobsLeftOutKeepTheirDefaults) {
    const auto params = parse_params<Conv2dCpuParams>("tile:4,lane:1");
    EXPECT_EQ(params.tile, 4);
    EXPECT_EQ(params.lane, Conv2dCpuParams::kColumns);
    EXPECT_EQ(params.vec, Conv2dCpuParams{}.vec);
    EXPECT_EQ(format_params(params),
              "lane:1,vec:2,tile:4,stage:1,taps_x:0,taps_y:0,stride:0,group:1,strided_out:0");
}

TEST(KnobText, AKnobStandsOnce) {
    EXPECT_THROW(parse_params<Conv2dCpuParams>("tile:4,tile:4"), std::invalid_argument);
    EXPECT_THROW(parse_params<Conv2dCpuParams>("tile:4,lane:1,tile:8"), std::invalid_argument);
}

class BadSchedule : public testing::TestWithParam<const char *> {};

TEST_P(BadSchedule, IsOneSentenceThatQuotesTheText) {
    const std::string text = GetParam();
    try {
        parse_params<Conv2dCpuParams>(text);
        FAIL() << "accepted '" << text << "'";
    } catch (const std::invalid_argument &error) {
        const std::string message = error.what();
        EXPECT_EQ(message.find("schedule '" + text + "': "), 0u) << message;
        EXPECT_NE(message.find("lane:0,vec:2,tile:8"), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
}

INSTANTIATE_TEST_SUITE_P(Texts, BadSchedule,
                         testing::Values("tile", "tile:", "tile:3", "tile:08", "tile:8 ", "til:8",
                                         ":", ",", "tile:8,,vec:1", "tile:8,vec:x", "vec=1"));

}  // namespace
}  // namespace convwright
