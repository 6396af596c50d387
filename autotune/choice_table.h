// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "autotune/space.h"

namespace convwright {

/// A choice as a row of a table.
struct ChoiceRow {
    Subject subject;
    std::string candidate;  ///< Space::text().
    std::string space;      ///< Space::hash() of the space that was searched.
    std::string identity;   ///< cpu_identity() or gpu_identity() of the device that it answers on.

    bool operator==(const ChoiceRow &) const = default;
};

/// A table of choices that the library is built with: text, one row a choice, sorted, so that two of them can be compared
/// line by line.
///   convwright choices 1
///   # any comment
///   defaults <generator> <knobs>                            which knobs a schedule may leave out, for CMake;
///                                                           of GPUs <generator>.cuda
///   <problem> <phase> <candidate> <space> <identity>
/// `comments` are its first lines, without '#'.
std::string format_choice_table(std::vector<ChoiceRow> rows,
                                const std::vector<std::string> &comments);

/// Inverse of format_choice_table(), sorted, and the judge of tables from elsewhere: every row is a legal candidate of its
/// space as this version has it, and stands once. Throws std::invalid_argument with one sentence that names `name`
/// and the line.
std::vector<ChoiceRow> read_choice_table(std::istream &in, const std::string &name);

/// By identity, problem and phase: what a choice is looked up by.
bool comes_before(const ChoiceRow &a, const ChoiceRow &b);
bool same_subject(const ChoiceRow &a, const ChoiceRow &b);

/// Empty if the row can answer in this version, else why not, one sentence without its full stop.
std::string why_no_row(const ChoiceRow &row);

}  // namespace convwright
