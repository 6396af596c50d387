// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

inline constexpr int kDatabaseVersion = 1;
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
    spread REAL NOT NULL);
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

}  // namespace convwright
