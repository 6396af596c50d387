// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autotune/database/sqlite.h"

namespace convwright {

struct OpenOptions {
    bool read_only = false;  ///< Nothing is made, repaired or written.
    int busy_milliseconds = 60'000;
    int64_t most_pages = 0;  ///< Of 4096 bytes; 0: as many as the disk has.
    /// How to find out whether locks work in a folder; null: why_no_locks().
    std::function<std::string(const std::string &folder)> lock_probe;
};

/// Whether there is a database, or one whose repair was interrupted, to be opened.
bool database_exists(const std::string &path);

/// Opens the user's tuning database, makes it where there is none, and repairs a damaged one: it is
/// moved aside and what can be read of it is kept. Each such event is one sentence in `notices`.
/// Throws DatabaseError.
std::unique_ptr<SqliteConnection> open_database(const std::string &path, const OpenOptions &options,
                                                std::vector<std::string> &notices);

}  // namespace convwright
