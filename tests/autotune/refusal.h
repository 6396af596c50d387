// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace convwright {

/// What a parser has to say of a text; empty if it takes it.
template<typename Parse>
std::string refusal(Parse parse, const std::string &text) {
    try {
        parse(text);
        return "";
    } catch (const std::invalid_argument &error) {
        return error.what();
    }
}

/// Every one of these texts is refused, in one sentence.
template<typename Parse>
void expect_refused(Parse parse, const std::vector<std::string> &texts) {
    for (const std::string &wrong : texts) {
        const std::string sentence = refusal(parse, wrong);
        ASSERT_FALSE(sentence.empty()) << wrong;
        EXPECT_EQ(sentence.back(), '.') << sentence;
        EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
    }
}

/// The text with the first `from` in it replaced; it must be there.
inline std::string replaced(std::string text, const std::string &from, const std::string &to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << text;
    return text.replace(at, from.size(), to);
}

}  // namespace convwright
