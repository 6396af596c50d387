// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "autotune/database/database.h"

namespace convwright {

/// Writes the user's records and choices whose keys `want` accepts (null: all) as JSON lines behind a header line, ready for
/// import_records(). How many lines of each went out is in the header.
void export_records(Database &database, std::ostream &out,
                    const std::function<bool(const SearchKey &)> &want = nullptr);

/// One record as export_records() would write it alone.
void export_record(const Record &record, std::ostream &out);

struct Imported {
    int64_t added = 0;    ///< New records and choices.
    int64_t present = 0;  ///< That were there already; nothing of them was changed.
    /// What was not taken, one sentence each with the number of the line.
    std::vector<std::string> refused;
};

/// Takes over what export_records() wrote, each line judged by itself; all that is sound is committed
/// at once at the end. A choice does not replace one of the user's. `name` is for the sentences.
Imported import_records(Database &database, std::istream &in, const std::string &name);

/// The same from another database file, which is only read.
Imported merge_database(Database &database, const std::string &path);

}  // namespace convwright
