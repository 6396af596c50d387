// SPDX-License-Identifier: Apache-2.0
#include "autotune/bounded_lines.h"

#include <istream>

namespace convwright {

bool next_line(std::istream &in, std::string &line) {
    constexpr int kEnd = std::istream::traits_type::eof();
    line.clear();
    int c = in.get();
    if (c == kEnd) return false;
    for (; c != kEnd && c != '\n'; c = in.get()) {
        if (line.size() <= kLongestLine) line.push_back(static_cast<char>(c));
    }
    return true;
}

}  // namespace convwright
