// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace convwright {

/// What is wrong with JSON beyond its grammar and its types: a part of a sentence.
class JsonFault : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// Whether arrays and objects of a text lie in one another `most` deep at most; text within strings counts as such.
inline bool nests_no_deeper(std::string_view text, int most) {
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > most) return false;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return true;
}

/// A text from elsewhere, whose length the caller bounds. Throws JsonFault if it nests deeper than any file of ours, else
/// as Json::parse().
template<typename Json>
Json bounded_json(std::string_view text) {
    constexpr int kDeepest = 16;  // ours have 5
    if (!nests_no_deeper(text, kDeepest)) throw JsonFault("it nests more than 16 deep");
    return Json::parse(text);
}

/// A whole number that fits. The library's own conversion drops fractions and high bits, and is undefined for numbers
/// that no integer holds. Throws JsonFault, naming the field.
template<typename Integer, typename Json>
Integer integer_of(const Json &value, const char *name) {
    if (value.is_number_unsigned()) {
        const auto number = value.template get<uint64_t>();
        if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
    } else if (value.is_number_integer()) {
        const auto number = value.template get<int64_t>();
        if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
    }
    throw JsonFault("its " + std::string(name) + " is no whole number from " +
                    std::to_string(std::numeric_limits<Integer>::min()) + " to " +
                    std::to_string(std::numeric_limits<Integer>::max()));
}

template<typename Integer, typename Json>
Integer integer_at(const Json &object, const char *name) {
    return integer_of<Integer>(object.at(name), name);
}

}  // namespace convwright
