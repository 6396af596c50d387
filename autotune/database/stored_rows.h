// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/database/records.h"
#include "autotune/database/sqlite.h"

namespace convwright {

// Records as rows. Everything here throws SqliteError, and what writes runs in a transaction of the caller.

/// The number of the key's subject, or environment; 0 if it has none yet.
int64_t find_subject(SqliteConnection &connection, const SearchKey &key);
int64_t find_environment(SqliteConnection &connection, const Environment &environment);
/// The same, made if there is none.
int64_t need_subject(SqliteConnection &connection, const SearchKey &key);
int64_t need_environment(SqliteConnection &connection, const Environment &environment);

/// False, and nothing is written, if the key has a record of the candidate.
bool insert_record(SqliteConnection &connection, const Record &record);
/// In the place of the key's choice, if it has one.
void put_choice(SqliteConnection &connection, const Choice &choice);

/// A `SELECT` of whole records, and one of choices; the rest is a condition on the tables record (or
/// choice), subject and environment.
std::string select_records(const std::string &rest);
std::string select_choices(const std::string &rest);
/// The row on which such a statement stands. A choice's finals are read apart.
Record record_of(const SqliteStatement &row);
Choice choice_of(const SqliteStatement &row);
/// The column of `final` that databases of version 1 lack, or what it would hold there.
const char *cold_seconds_column(SqliteConnection &connection);
/// Of the choice on whose row the statement stands.
std::vector<FinalTime> finals_of(SqliteConnection &connection, const SqliteStatement &row);

}  // namespace convwright
