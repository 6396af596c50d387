// SPDX-License-Identifier: Apache-2.0
// Dot products of bytes as g++ has them: what PTX says of dp4a.
#include "codegen/device/dot_products.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/seed.h"

namespace convwright::device {
namespace {

TEST(DotProducts, OfExtremeBytes) {
    EXPECT_EQ(dot_s8(0, 0x80808080u, 0x80808080u), 4u * 128 * 128);
    EXPECT_EQ(dot_s8(0, 0x80808080u, 0x7f7f7f7fu), static_cast<uint32_t>(-4 * 128 * 127));
    EXPECT_EQ(dot_u8(0, 0xffffffffu, 0xffffffffu), 4u * 255 * 255);
    EXPECT_EQ(dot_s8(7, 0xffffffffu, 0xffffffffu), 11u);
    EXPECT_EQ(dot_s8(5, 0x00000001u, 0x00000100u), 5u);  // bytes meet those of their place
}

TEST(DotProducts, WrapAround) {
    EXPECT_EQ(dot_u8(0xffffffffu, 0x00000001u, 0x00000001u), 0u);
    EXPECT_EQ(dot_s8(0, 0x000000ffu, 0x00000001u), 0xffffffffu);
}

TEST(DotProducts, OfAnyBytes) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 10000; i++) {
        const auto sum = static_cast<uint32_t>(random()), a = static_cast<uint32_t>(random()),
                   b = static_cast<uint32_t>(random());
        int64_t of_signed = sum, of_unsigned = sum;
        for (int byte = 0; byte < 4; byte++) {
            const int x = (a >> (8 * byte)) % 256, y = (b >> (8 * byte)) % 256;
            of_unsigned += x * y;
            of_signed += (x - (x > 127 ? 256 : 0)) * (y - (y > 127 ? 256 : 0));
        }
        ASSERT_EQ(dot_s8(sum, a, b), static_cast<uint32_t>(of_signed));
        ASSERT_EQ(dot_u8(sum, a, b), static_cast<uint32_t>(of_unsigned));
    }
}

}  // namespace
}  // namespace convwright::device
