// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace convwright {

/// `text` in single quotes, for sentences about texts from elsewhere: what is no printable ASCII stands as \x0a, and
/// of a long text the beginning, so that the sentence has one line and an end.
inline std::string in_quotes(std::string_view text) {
    constexpr size_t kMost = 200;  // the longest problem that is sound has 120
    constexpr char kDigits[] = "0123456789abcdef";
    std::string result = "'";
    for (const char c : text.substr(0, kMost)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            result += c;
        } else {
            result += std::string("\\x") + kDigits[byte >> 4] + kDigits[byte & 15];
        }
    }
    return result + (text.size() > kMost ? "...'" : "'");
}

/// A sentence as a part of another one.
inline std::string without_stop(std::string sentence) {
    while (!sentence.empty() && sentence.back() == '.') sentence.pop_back();
    return sentence;
}

}  // namespace convwright
