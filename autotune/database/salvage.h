// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "autotune/database/sqlite.h"

namespace convwright {

struct Salvaged {
    int64_t records = 0, choices = 0;
};

/// Copies all that can be read and is sound from the damaged database at `path`, which is left as it
/// is, into `fresh`, which has the schema and nothing in it. Throws SqliteError if `fresh` cannot be written.
Salvaged salvage(const std::string &path, SqliteConnection &fresh);

}  // namespace convwright
