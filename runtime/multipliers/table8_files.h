// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/multipliers/table8.h"

namespace convwright {

/// How the entries of a raw file are stored, lowest byte first.
enum class EntryType : int {
    kBySize = 0,  ///< 131,072 bytes: int16 for a signed table, else uint16; 262,144 bytes: int32.
    kInt16,
    kUint16,
    kInt32,
};

/// The table of a raw file: 65,536 entries and nothing else. The error names the file and its size.
TableResult read_raw_table(const std::string &path, bool is_signed,
                           EntryType type = EntryType::kBySize);

/// The table of a text of 65,536 decimal integers, separated by commas, semicolons, blanks or line
/// breaks. A text of 256 lines must have 256 numbers in each: a line is an activation byte. The
/// error names `name`, the line and the column (characters, from 1).
TableResult parse_csv_table(const std::string &text, bool is_signed,
                            const std::string &name = "table");

/// parse_csv_table of a file.
TableResult read_csv_table(const std::string &path, bool is_signed);

}  // namespace convwright
