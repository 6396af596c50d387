// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace convwright {

/// A parser of texts or files from elsewhere, as the fuzz test asks it.
struct Parser {
    std::string name;                ///< Letters, digits and '_'.
    std::vector<std::string> valid;  ///< Texts that it takes, the beginnings of others.
    /// Sentences with what is wrong with a text; none if all of it is taken, and then it holds that what is written of it
    /// is taken again as the same. Fails the running test where that does not hold.
    std::function<std::vector<std::string>(const std::string &text)> complaints;
    /// Makes checksums right again, which would hide everything behind them. Null: there are none.
    std::function<void(std::string &text)> repair = nullptr;
    int one_of = 1;  ///< Cases of which one is tried, where each takes long.
};

/// The sentence of a parser that throws std::invalid_argument, else what `accepted` makes sure of.
template<typename Parse, typename Accepted>
std::vector<std::string> thrown_by(Parse parse, const std::string &text, Accepted accepted) {
    try {
        accepted(parse(text));
        return {};
    } catch (const std::invalid_argument &error) {
        return {error.what()};
    }
}

std::vector<Parser> runtime_parsers();
std::vector<Parser> tuning_parsers();
std::vector<Parser> database_parsers();

}  // namespace convwright
