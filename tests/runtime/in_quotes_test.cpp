// SPDX-License-Identifier: Apache-2.0
#include "runtime/in_quotes.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

TEST(InQuotes, ShowsAnyTextInOneLine) {
    EXPECT_EQ(in_quotes(""), "''");
    EXPECT_EQ(in_quotes("lane:0,vec:2"), "'lane:0,vec:2'");
    EXPECT_EQ(in_quotes(std::string("a\nb\0\x7f\xff", 6)), "'a\\x0ab\\x00\\x7f\\xff'");
}

TEST(InQuotes, CutsWhatIsLong) {
    EXPECT_EQ(in_quotes(std::string(200, 'x')), "'" + std::string(200, 'x') + "'");
    EXPECT_EQ(in_quotes(std::string(201, 'x')), "'" + std::string(200, 'x') + "...'");
}

TEST(WithoutStop, IsAPartOfASentence) {
    EXPECT_EQ(without_stop("It is. So it is.."), "It is. So it is");
    EXPECT_EQ(without_stop(""), "");
}

}  // namespace
}  // namespace convwright
