// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/database/database.h"

namespace convwright {

/// The bytes of a table (runtime/tuned_table.h) of these choices; of several for one device identity
/// and subject the last one counts.
std::string encode_tuned_table(const std::vector<Choice> &choices);

/// Writes the table of all choices, the user's over the shipped ones, as a whole. Several processes may do so at once: the
/// last one has read what all wrote. Throws DatabaseError.
void publish_choices(Database &database);

}  // namespace convwright
