// SPDX-License-Identifier: Apache-2.0
#include "autotune/bounded_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "autotune/bounded_lines.h"

namespace convwright {
namespace {

using Json = nlohmann::json;

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(BoundedJson, NestsSixteenDeep) {
    EXPECT_NO_THROW(bounded_json<Json>(nested(16)));
    EXPECT_THROW(bounded_json<Json>(nested(17)), JsonFault);
    EXPECT_THROW(bounded_json<Json>(std::string(1 << 20, '{')), JsonFault);
    EXPECT_THROW(bounded_json<Json>("["), Json::exception);
}

TEST(BoundedJson, BracketsInStringsDoNotNest) {
    const std::string brackets = "\"" + std::string(100, '[') + "\\\"[\"";
    EXPECT_EQ(bounded_json<Json>("[" + brackets + "]").size(), 1u);
    EXPECT_FALSE(nests_no_deeper(brackets + "[[", 1));
}

TEST(BoundedJson, IntegersThatDoNotFitAreRefused) {
    const auto integer = [](const std::string &text) {
        return integer_at<int>(Json::parse("{\"a\": " + text + "}"), "a");
    };
    EXPECT_EQ(integer("-2147483648"), -2147483647 - 1);
    EXPECT_EQ(integer("2147483647"), 2147483647);
    for (const char *text : {"2147483648", "-2147483649", "4294967296", "18446744073709551615",
                             "1e300", "1.5", "1.0", "true", "\"1\"", "null", "[1]"}) {
        try {
            integer(text);
            ADD_FAILURE() << text;
        } catch (const JsonFault &fault) {
            EXPECT_EQ(std::string(fault.what()),
                      "its a is no whole number from -2147483648 to 2147483647");
        }
    }
    EXPECT_THROW(integer_at<int>(Json::object(), "a"), Json::exception);
}

TEST(BoundedLines, AreCutBehindTheLongest) {
    std::istringstream in("one\n\n" + std::string(kLongestLine + 5, 'x') + "\nlast");
    std::string line;
    ASSERT_TRUE(next_line(in, line));
    EXPECT_EQ(line, "one");
    ASSERT_TRUE(next_line(in, line));
    EXPECT_EQ(line, "");
    ASSERT_TRUE(next_line(in, line));
    EXPECT_EQ(line.size(), kLongestLine + 1);
    ASSERT_TRUE(next_line(in, line));
    EXPECT_EQ(line, "last");
    EXPECT_FALSE(next_line(in, line));
}

}  // namespace
}  // namespace convwright
