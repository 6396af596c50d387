// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <sstream>

namespace convwright {
namespace {

constexpr size_t kMostAdded = 64 << 10;  // by one change

/// What breaks parsers: ends of the ranges of numbers, what is no number, and what means something to a format.
const std::vector<std::string> &words() {
    static const auto all = [] {
        std::vector<std::string> words = {"\n", "\r\n", "\t", " ", std::string(1, '\0')};
        std::istringstream text(
            "0 -1 00 +1 1e999 -1e-999 0.5 nan null true 2147483648 4294967296 9223372036854775808 "
            "18446744073709551616 1e18 999999999 \xff \xef\xbb\xbf \\ \" ' \\ud800 \"x\": {} [] [[ "
            "{\" : , ; / "
            ".. ../ %s ( ) # _ x g0");
        for (std::string word; text >> word;) words.push_back(word);
        return words;
    }();
    return all;
}

/// A number below `count`, which is not 0. Not a distribution of the library, which differ.
size_t below(size_t count, std::mt19937 &random) { return random() % count; }

/// A place, and how much from there; mostly little.
struct Part {
    size_t at, size;
    Part(const std::string &text, std::mt19937 &random)
        : at(below(text.size() + 1, random)), size(0) {
        const size_t rest = text.size() - at;
        const size_t most = random() % 4 == 0 ? rest : std::min<size_t>(rest, 16);
        size = most == 0 ? 0 : 1 + below(most, random);
    }
};

std::string random_bytes(size_t size, std::mt19937 &random) {
    std::string bytes(size, '\0');
    for (char &c : bytes) c = static_cast<char>(random());
    return bytes;
}

/// The digits around or behind a random place.
Part number_in(const std::string &text, std::mt19937 &random) {
    Part part(text, random);
    const char *digits = "0123456789";
    part.at = std::min(text.find_first_of(digits, part.at), text.size());
    part.size = std::min(text.find_first_not_of(digits, part.at), text.size()) - part.at;
    return part;
}

void change(std::string &text, const std::string &other, std::mt19937 &random) {
    const Part part(text, random);
    const std::string piece = text.substr(part.at, part.size);
    switch (below(12, random)) {
        case 0:
            if (part.size > 0) text[part.at] ^= static_cast<char>(1 << below(8, random));
            break;
        case 1:
            if (part.size > 0) text[part.at] = static_cast<char>(random());
            break;
        case 2:
            text.erase(part.at, part.size);
            break;
        case 3:
            text.erase(part.at);
            break;
        case 4:
            text.insert(part.at, piece);
            break;
        case 5:
            text.insert(part.at, words()[below(words().size(), random)]);
            break;
        case 6:
            text.replace(part.at, part.size, words()[below(words().size(), random)]);
            break;
        case 7: {
            const Part number = number_in(text, random);
            text.replace(number.at, number.size, words()[below(words().size(), random)]);
            break;
        }
        case 8: {
            const Part from(other, random);
            text.replace(part.at, part.size, other.substr(from.at, from.size));
            break;
        }
        case 9: {  // many times over
            if (piece.empty()) break;
            const size_t most = kMostAdded / piece.size() + 1;
            const size_t times =
                random() % 8 == 0 ? most : std::min<size_t>(most, 1 + random() % 40);
            std::string all;
            for (size_t i = 0; i < times; i++) all += piece;
            text.insert(part.at, all);
            break;
        }
        case 10: {  // nested
            const size_t depth = random() % 8 == 0 ? kMostAdded / 2 : 1 + random() % 100;
            const bool braces = random() % 2 == 0;
            std::string open, close;
            for (size_t i = 0; i < depth; i++) open += braces ? "{\"a\":" : "[";
            text.replace(part.at, part.size,
                         open.substr(0, kMostAdded) + piece +
                             std::string(random() % 2 == 0 ? depth : 0, braces ? '}' : ']'));
            break;
        }
        default:
            text.insert(part.at, random_bytes(1 + below(8, random), random));
    }
}

}  // namespace

std::string mutated(const std::vector<std::string> &valid, std::mt19937 &random) {
    if (random() % 32 == 0) return random_bytes(below(300, random), random);
    std::string text = valid[below(valid.size(), random)];
    for (size_t changes = 1 + below(4, random); changes > 0; changes--)
        change(text, valid[below(valid.size(), random)], random);
    return text;
}

}  // namespace convwright
