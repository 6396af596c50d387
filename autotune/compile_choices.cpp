// SPDX-License-Identifier: Apache-2.0
// Part of the build: convwright_compile_choices OUTPUT TABLE... judges tables of choices and writes them as rows of
// runtime/shipped_choices.cpp. Exit status: 1 a table is refused or a file cannot be read or written, 2 usage.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "autotune/choice_table.h"

namespace convwright {
namespace {

std::vector<ChoiceRow> rows_of(const std::vector<std::string> &tables) {
    std::vector<std::pair<ChoiceRow, std::string>> rows;
    for (const std::string &name : tables) {
        std::ifstream file(name);
        if (!file) throw std::runtime_error("'" + name + "' cannot be read.");
        for (ChoiceRow &row : read_choice_table(file, name)) rows.push_back({std::move(row), name});
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto &a, const auto &b) { return comes_before(a.first, b.first); });
    std::vector<ChoiceRow> all;
    for (size_t i = 0; i < rows.size(); i++) {
        const auto &[row, name] = rows[i];
        if (i > 0 && same_subject(rows[i - 1].first, row))
            throw std::runtime_error("'" + rows[i - 1].second + "' and '" + name +
                                     "' both choose for " + row.subject.problem + ", phase " +
                                     std::to_string(row.subject.phase) + " on " + row.identity +
                                     "; keep one of the rows.");
        all.push_back(row);
    }
    return all;
}

void write_rows(const std::vector<ChoiceRow> &rows, const std::string &path) {
    std::ofstream file(path);
    for (const ChoiceRow &row : rows)
        file << "CONVWRIGHT_CHOICE(\"" << row.identity << "\", \"" << row.subject.problem << "\", "
             << row.subject.phase << ", \"" << row.candidate << "\")\n";
    file.close();
    if (!file) throw std::runtime_error("'" + path + "' cannot be written.");
}

}  // namespace
}  // namespace convwright

int main(int argc, char **argv) {
    if (argc < 2) {
        std::cerr << "usage: convwright_compile_choices OUTPUT TABLE...\n";
        return 2;
    }
    try {
        convwright::write_rows(convwright::rows_of({argv + 2, argv + argc}), argv[1]);
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "convwright_compile_choices: " << error.what() << "\n";
        return 1;
    }
}
