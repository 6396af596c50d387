// SPDX-License-Identifier: Apache-2.0
#include "runtime/quoted.h"

#include <gtest/gtest.h>

namespace convwright {
namespace {

TEST(Quoted, ShowsAnyTextInOneLine) {
    EXPECT_EQ(quoted(""), "''");
    EXPECT_EQ(quoted("lane:0,vec:2"), "'lane:0,vec:2'");
    EXPECT_EQ(quoted(std::string("a\nb\0\x7f\xff", 6)), "'a\\x0ab\\x00\\x7f\\xff'");
}

TEST(Quoted, CutsWhatIsLong) {
    EXPECT_EQ(quoted(std::string(200, 'x')), "'" + std::string(200, 'x') + "'");
    EXPECT_EQ(quoted(std::string(201, 'x')), "'" + std::string(200, 'x') + "...'");
}

TEST(WithoutStop, IsAPartOfASentence) {
    EXPECT_EQ(without_stop("It is. So it is.."), "It is. So it is");
    EXPECT_EQ(without_stop(""), "");
}

}  // namespace
}  // namespace convwright
