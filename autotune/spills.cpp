// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <sstream>
#include <vector>

#include "autotune/compile_kernel.h"

namespace convwright {
namespace {

constexpr int kSumsOfAReload = 32;

struct Loop {
    size_t first, last;  // lines
};

bool contains(const Loop &a, const Loop &b) {
    return a.first <= b.first && b.last <= a.last && (a.first != b.first || a.last != b.last);
}

/// The label that a line jumps to, if it jumps.
std::string jump_target(const std::string &line) {
    std::istringstream words(line);
    std::string mnemonic, target;
    words >> mnemonic >> target;
    return mnemonic.starts_with("j") ? target : "";
}

/// `frame`: %rbp holds the address of the frame, and is not a register like others.
bool touches_stack(const std::string &line, bool frame) {
    const bool vector =
        line.find("%zmm") != std::string::npos || line.find("%ymm") != std::string::npos;
    return vector && (line.find("%rsp") != std::string::npos ||
                      (frame && line.find("%rbp") != std::string::npos));
}

}  // namespace

int spills_in_inner_loops(const std::string &assembly) {
    std::vector<std::string> lines;
    std::map<std::string, size_t> labels;
    const bool frame = assembly.find("movq\t%rsp, %rbp") != std::string::npos;
    std::istringstream text(assembly);
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with(".L")) labels[line.substr(0, line.find(':'))] = lines.size();
        lines.push_back(line);
    }
    std::vector<Loop> loops;
    for (size_t i = 0; i < lines.size(); i++) {
        const auto label = labels.find(jump_target(lines[i]));
        if (label != labels.end() && label->second < i) loops.push_back({label->second, i});
    }
    int spills = 0;
    for (const Loop &loop : loops) {
        const bool inner = std::none_of(loops.begin(), loops.end(),
                                        [&](const Loop &other) { return contains(loop, other); });
        const auto first = lines.begin() + static_cast<ptrdiff_t>(loop.first),
                   last = lines.begin() + static_cast<ptrdiff_t>(loop.last);
        const auto sums = std::count_if(first, last, [](const std::string &line) {
            return line.find("vfmadd") != std::string::npos;
        });
        const auto touched = std::count_if(
            first, last, [&](const std::string &line) { return touches_stack(line, frame); });
        // Where loops over taps and channels are unrolled, the innermost loop is over tiles: one value
        // that each of them reloads costs nothing.
        if (inner && touched * kSumsOfAReload > sums && sums > 0)
            spills += static_cast<int>(touched);
    }
    return spills;
}

}  // namespace convwright
