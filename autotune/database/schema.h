// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iterator>

namespace convwright {

inline constexpr int kDatabaseVersion = 2;
inline constexpr int kApplicationId = 0x43577442;  ///< "CWtB", in the file's header.
inline constexpr int kPageBytes = 4096;
/// Stands in the schema, and so in the file's first page, even if its header is destroyed.
inline constexpr char kDatabaseMark[] = "-- convwright tuning database";

inline constexpr char kSchema[] = R"sql(
CREATE TABLE subject(
    -- convwright tuning database
    id INTEGER PRIMARY KEY,
    problem TEXT NOT NULL,
    phase INTEGER NOT NULL,
    space TEXT NOT NULL,
    UNIQUE(problem, phase, space));
CREATE TABLE environment(
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    device TEXT NOT NULL,
    versions TEXT NOT NULL,
    UNIQUE(identity, device, versions));
CREATE TABLE record(
    id INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject(id),
    environment INTEGER NOT NULL REFERENCES environment(id),
    candidate TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    seconds REAL NOT NULL,
    spread REAL NOT NULL,
    samples INTEGER NOT NULL,
    reason TEXT NOT NULL,
    artifact TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    UNIQUE(subject, environment, candidate));
CREATE TABLE choice(
    id INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject(id),
    environment INTEGER NOT NULL REFERENCES environment(id),
    candidate TEXT NOT NULL,
    artifact TEXT NOT NULL,
    seconds REAL NOT NULL,
    reason TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    UNIQUE(subject, environment));
CREATE TABLE final(
    id INTEGER PRIMARY KEY,
    choice INTEGER NOT NULL REFERENCES choice(id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    candidate TEXT NOT NULL,
    seconds REAL NOT NULL,
    spread REAL NOT NULL,
    cold_seconds REAL NOT NULL DEFAULT 0);
CREATE INDEX final_of_choice ON final(choice);
-- Candidates that a process is measuring now.
CREATE TABLE claim(
    subject INTEGER NOT NULL,
    environment INTEGER NOT NULL,
    candidate TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY(subject, environment, candidate)) WITHOUT ROWID;
)sql";

/// What makes a database of version 1 one of version 2, and so on. Columns that are added have a default, for programs of
/// the version before that have the file open.
inline constexpr const char *kMigrations[] = {
    "ALTER TABLE final ADD COLUMN cold_seconds REAL NOT NULL DEFAULT 0",
};
static_assert(std::size(kMigrations) == kDatabaseVersion - 1);

}  // namespace convwright
