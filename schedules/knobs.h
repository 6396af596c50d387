// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/in_quotes.h"

namespace convwright {

/// One integer knob of a params struct: its name in the text form, its member, and the values that
/// the tuner may choose, ordered so that one step in the list is a neighbour.
template<typename Params>
struct Knob {
    const char *name;
    int Params::*member;
    std::vector<int> values;
};

/// Text form of a schedule, knobs in table order: "co_vec:2,x_tile:14".
template<typename Params>
std::string format_params(const Params &params) {
    std::string text;
    for (const Knob<Params> &knob : Params::knobs()) {
        text += (text.empty() ? "" : ",") + std::string(knob.name) + ":" +
                std::to_string(params.*knob.member);
    }
    return text;
}

/// Inverse of format_params; knobs left out keep their defaults, "" is the default schedule.
/// Throws std::invalid_argument with one sentence on an unknown knob, a value not in its list or a knob that stands
/// twice.
template<typename Params>
Params parse_params(const std::string &text) {
    Params params;
    std::set<std::string> given;  // names
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const std::string item = text.substr(begin, end - begin);
        begin = end + 1;
        const size_t colon = item.find(':');
        bool known = false;
        for (const Knob<Params> &knob : Params::knobs()) {
            if (colon == std::string::npos || item.substr(0, colon) != knob.name) continue;
            for (const int value : knob.values) {
                if (item.substr(colon + 1) != std::to_string(value)) continue;
                params.*knob.member = value;
                known = true;
            }
        }
        if (!known) {
            throw std::invalid_argument("schedule " + in_quotes(text) + ": " + in_quotes(item) +
                                        " is no knob:value of " + format_params(Params{}) + ".");
        }
        if (!given.insert(item.substr(0, colon)).second) {
            throw std::invalid_argument("schedule " + in_quotes(text) + ": " +
                                        in_quotes(item.substr(0, colon)) +
                                        " stands twice; keep one of them.");
        }
    }
    return params;
}

}  // namespace convwright
