// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

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

/// The text with the first `from` in it replaced; it must be there.
inline std::string replaced(std::string text, const std::string &from, const std::string &to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << text;
    return text.replace(at, from.size(), to);
}

}  // namespace convwright
