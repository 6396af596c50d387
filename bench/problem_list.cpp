// SPDX-License-Identifier: Apache-2.0
#include "bench/problem_list.h"

#include <fstream>
#include <stdexcept>

namespace convwright {
namespace {

/// Without a comment and the blanks around what is left.
std::string content(const std::string &line) {
    const std::string text = line.substr(0, line.find('#'));
    const size_t first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::vector<ConvProblem> read_problems(const std::string &file) {
    std::ifstream stream(file);
    if (!stream) throw std::invalid_argument("'" + file + "' is neither a problem nor a file.");
    std::vector<ConvProblem> problems;
    int number = 0;
    for (std::string line; std::getline(stream, line);) {
        number++;
        const std::string text = content(line);
        if (text.empty()) continue;
        try {
            problems.push_back(parse_problem(text));
        } catch (const std::invalid_argument &error) {
            throw std::invalid_argument(file + ", line " + std::to_string(number) + ": " +
                                        error.what());
        }
    }
    return problems;
}

}  // namespace convwright
