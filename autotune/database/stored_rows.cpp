// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/stored_rows.h"

namespace convwright {
namespace {

constexpr char kKeyColumns[] =
    "subject.problem, subject.phase, subject.space, "
    "environment.identity, environment.device, environment.versions, ";
constexpr int kFirstOwnColumn = 6;

std::string joins(const std::string &table) {
    return " FROM " + table + " JOIN subject ON subject.id = " + table +
           ".subject JOIN environment ON environment.id = " + table + ".environment ";
}

SearchKey key_of(const SqliteStatement &row) {
    return {{row.text(0), static_cast<int>(row.integer(1))},
            row.text(2),
            {row.text(3), row.text(4), row.text(5)}};
}

int64_t last_id(SqliteConnection &connection) {
    return connection.integer("SELECT last_insert_rowid()");
}

}  // namespace

int64_t find_subject(SqliteConnection &connection, const SearchKey &key) {
    SqliteStatement find(connection,
                         "SELECT id FROM subject WHERE problem = ? AND phase = ? AND space = ?");
    find.with(key.subject.problem, key.subject.phase, key.space);
    return find.step() ? find.integer(0) : 0;
}

int64_t find_environment(SqliteConnection &connection, const Environment &e) {
    SqliteStatement find(
        connection,
        "SELECT id FROM environment WHERE identity = ? AND device = ? AND versions = ?");
    find.with(e.identity, e.device, e.versions);
    return find.step() ? find.integer(0) : 0;
}

int64_t need_subject(SqliteConnection &connection, const SearchKey &key) {
    if (const int64_t id = find_subject(connection, key)) return id;
    SqliteStatement insert(connection,
                           "INSERT INTO subject(problem, phase, space) VALUES(?, ?, ?)");
    insert.with(key.subject.problem, key.subject.phase, key.space).step();
    return last_id(connection);
}

int64_t need_environment(SqliteConnection &connection, const Environment &e) {
    if (const int64_t id = find_environment(connection, e)) return id;
    SqliteStatement insert(connection,
                           "INSERT INTO environment(identity, device, versions) VALUES(?, ?, ?)");
    insert.with(e.identity, e.device, e.versions).step();
    return last_id(connection);
}

bool insert_record(SqliteConnection &connection, const Record &record) {
    const int64_t subject = need_subject(connection, record.key);
    const int64_t environment = need_environment(connection, record.key.environment);
    const Result &r = record.result;
    SqliteStatement insert(
        connection,
        "INSERT INTO record(subject, environment, candidate, outcome, seconds, spread, samples, "
        "reason, artifact, recorded) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    insert
        .with(subject, environment, record.candidate, static_cast<int>(r.outcome), r.seconds,
              r.spread, r.samples, r.reason, r.artifact, record.recorded)
        .step();
    return connection.changes() != 0;
}

void put_choice(SqliteConnection &connection, const Choice &choice) {
    const int64_t subject = need_subject(connection, choice.key);
    const int64_t environment = need_environment(connection, choice.key.environment);
    SqliteStatement remove(connection, "DELETE FROM choice WHERE subject = ? AND environment = ?");
    remove.with(subject, environment).step();
    SqliteStatement insert(
        connection,
        "INSERT INTO choice(subject, environment, candidate, artifact, seconds, reason, recorded) "
        "VALUES(?, ?, ?, ?, ?, ?, ?)");
    insert
        .with(subject, environment, choice.candidate, choice.artifact, choice.seconds,
              choice.reason, choice.recorded)
        .step();
    const int64_t id = last_id(connection);
    SqliteStatement add(connection,
                        "INSERT INTO final(choice, role, candidate, seconds, spread, "
                        "cold_seconds) VALUES(?, ?, ?, ?, ?, ?)");
    for (const FinalTime &final : choice.finals) {
        add.with(id, final.role, final.candidate, final.seconds, final.spread, final.cold_seconds)
            .step();
    }
}

std::string select_records(const std::string &rest) {
    return std::string("SELECT ") + kKeyColumns +
           "record.candidate, record.outcome, record.seconds, record.spread, record.samples, "
           "record.reason, record.artifact, record.recorded, record.id" +
           joins("record") + rest;
}

std::string select_choices(const std::string &rest) {
    return std::string("SELECT ") + kKeyColumns +
           "choice.candidate, choice.artifact, choice.seconds, choice.reason, choice.recorded, "
           "choice.id" +
           joins("choice") + rest;
}

Record record_of(const SqliteStatement &row) {
    constexpr int c = kFirstOwnColumn;
    return {key_of(row),
            row.text(c),
            {static_cast<Outcome>(row.integer(c + 1)), row.real(c + 2), row.real(c + 3),
             static_cast<int>(row.integer(c + 4)), row.text(c + 5), row.text(c + 6)},
            row.integer(c + 7)};
}

Choice choice_of(const SqliteStatement &row) {
    constexpr int c = kFirstOwnColumn;
    return {key_of(row),     row.text(c), row.text(c + 1),   row.real(c + 2),
            row.text(c + 3), {},          row.integer(c + 4)};
}

const char *cold_seconds_column(SqliteConnection &connection) {
    const int64_t there = connection.integer(
        "SELECT count(*) FROM pragma_table_info('final') WHERE name = 'cold_seconds'");
    return there == 0 ? "0.0" : "cold_seconds";
}

std::vector<FinalTime> finals_of(SqliteConnection &connection, const SqliteStatement &row) {
    const std::string sql = std::string("SELECT role, candidate, seconds, spread, ") +
                            cold_seconds_column(connection) +
                            " FROM final WHERE choice = ? ORDER BY id";
    SqliteStatement read(connection, sql.c_str());
    read.with(row.integer(kFirstOwnColumn + 5));
    std::vector<FinalTime> finals;
    while (read.step())
        finals.push_back({read.text(0), read.text(1), read.real(2), read.real(3), read.real(4)});
    return finals;
}

}  // namespace convwright
