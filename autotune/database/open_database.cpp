// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/open_database.h"

#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "autotune/database/database_error.h"
#include "autotune/database/file_system.h"
#include "autotune/database/salvage.h"
#include "autotune/database/schema.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;
using Kind = DatabaseError::Kind;

enum class State { kSound, kFresh, kDamaged };

bool is_damage(const SqliteError &error) {
    return error.primary() == SQLITE_CORRUPT || error.primary() == SQLITE_NOTADB;
}

bool has_tables(SqliteConnection &connection) {
    return connection.integer("SELECT count(*) FROM sqlite_schema") != 0;
}

struct Marks {
    int64_t application = 0, version = 0;
    bool tables = false;
};

/// All three of one moment: while another process makes the database they come at once.
Marks marks_of(SqliteConnection &connection) {
    const SqliteTransaction snapshot(connection, "BEGIN");
    Marks marks;
    marks.tables =
        has_tables(connection);  // first: the snapshot begins with the first page that is read
    marks.application = connection.integer("PRAGMA application_id");
    marks.version = connection.integer("PRAGMA user_version");
    return marks;
}

/// What an open file is. Throws DatabaseError if it is not ours to change.
State inspect(SqliteConnection &connection, const std::string &path) {
    try {
        const auto [application, version, tables] = marks_of(connection);
        if (application == 0 && version == 0 && !tables) return State::kFresh;
        if (application != kApplicationId) {
            throw DatabaseError(Kind::kForeign, "'" + path +
                                                    "' is a database of another program; name "
                                                    "another file with CONVWRIGHT_DB.");
        }
        if (version > kDatabaseVersion) {
            throw DatabaseError(Kind::kNewer,
                                "The tuning database '" + path + "' is of version " +
                                    std::to_string(version) + " and this Convwright reads up to " +
                                    std::to_string(kDatabaseVersion) +
                                    "; use a newer Convwright, or name another file with "
                                    "CONVWRIGHT_DB.");
        }
        if (version < 1) return State::kDamaged;  // no version of ours writes that
        // 4 ms for 10,000 records: damage is found before anything is written on top of it.
        const std::string check = connection.text("PRAGMA quick_check(1)");
        return check == "ok" ? State::kSound : State::kDamaged;
    } catch (const SqliteError &error) {
        if (is_damage(error)) return State::kDamaged;
        throw;
    }
}

/// Whether a file that SQLite cannot read was a tuning database: somebody's letters are not moved about.
bool was_ours(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    // After a power failure a file may be zeros.
    return bytes.find(kDatabaseMark) != std::string::npos ||
           bytes.find_first_not_of('\0') == std::string::npos;
}

void make_schema(SqliteConnection &connection) {
    connection.run("PRAGMA page_size = " + std::to_string(kPageBytes));
    SqliteTransaction transaction(connection);
    if (has_tables(connection)) return;  // another process was faster
    connection.run(kSchema);
    connection.run("PRAGMA application_id = " + std::to_string(kApplicationId));
    connection.run("PRAGMA user_version = " + std::to_string(kDatabaseVersion));
    transaction.commit();
}

/// Makes a database of an older version one of this one, at once or not at all; all that it holds stays.
void migrate(SqliteConnection &connection) {
    const auto version = [&] { return connection.integer("PRAGMA user_version"); };
    if (version() == kDatabaseVersion) return;
    SqliteTransaction transaction(connection);
    // Another process may have been faster.
    for (int64_t next = version(); next < kDatabaseVersion; next++)
        connection.run(kMigrations[next - 1]);
    connection.run("PRAGMA user_version = " + std::to_string(kDatabaseVersion));
    transaction.commit();
}

void move_with_journals(const std::string &from, const std::string &to) {
    for (const char *suffix : {"-wal", "-journal", ""}) {
        std::error_code missing;
        fs::rename(from + suffix, to + suffix, missing);
    }
    std::error_code missing;
    fs::remove(from + "-shm", missing);
}

/// Where the n-th damaged file of this name is moved.
std::string damaged_name(const std::string &path, int n) {
    return path + ".damaged-" + std::to_string(n);
}

/// The first of these names that is free.
std::string free_damaged_name(const std::string &path) {
    int n = 1;
    while (fs::exists(damaged_name(path, n))) n++;
    return damaged_name(path, n);
}

/// Replaces a damaged database by one of what can be read of it. Only one process does it, the others find it done.
/// The new file is whole before the old one moves, and a kill in between leaves it to be found.
void repair(const std::string &path, const OpenOptions &options,
            std::vector<std::string> &notices) {
    const FileLock lock(path + ".lock");
    {
        SqliteConnection again(path, SQLITE_OPEN_READWRITE, options.busy_milliseconds);
        if (inspect(again, path) != State::kDamaged) return;
    }
    const std::string salvaged = path + ".salvaged", growing = path + ".salvaging";
    for (const std::string &old : {salvaged, growing})
        for (const char *suffix : {"-wal", "-journal", "-shm", ""}) fs::remove(old + suffix);
    Salvaged count;
    {
        SqliteConnection fresh(growing, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0);
        make_schema(fresh);
        count = salvage(path, fresh);
    }
    fs::rename(growing, salvaged);  // under this name it is whole
    const std::string aside = free_damaged_name(path);
    move_with_journals(path, aside);
    move_with_journals(salvaged, path);
    notices.push_back("The tuning database '" + path + "' was damaged: it was moved to '" + aside +
                      "', and " + std::to_string(count.records) + " records and " +
                      std::to_string(count.choices) + " choices that could be read were kept.");
}

/// Whether a repair was ended while it moved a damaged file: journals go first, and the file without them has lost
/// what they hold.
bool was_half_moved(const std::string &path) {
    const std::string aside = free_damaged_name(path);
    return fs::exists(path) && !fs::exists(path + "-wal") &&
           (fs::exists(aside + "-wal") || fs::exists(aside + "-journal"));
}

void finish_interrupted_repair(const std::string &path, std::vector<std::string> &notices) {
    const std::string salvaged = path + ".salvaged";
    if (!fs::exists(salvaged)) return;
    const FileLock lock(path + ".lock");
    if (!fs::exists(salvaged)) return;
    if (was_half_moved(path)) {
        const std::string aside = free_damaged_name(path);
        move_with_journals(path, aside);
        notices.push_back("The tuning database '" + path + "' was damaged: it was moved to '" +
                          aside + "', and what could be read was kept.");
    }
    if (!fs::exists(path)) move_with_journals(salvaged, path);
}

void check_locks(const std::string &path, const OpenOptions &options) {
    const std::string folder = folder_of(path);
    const std::string why = options.lock_probe ? options.lock_probe(folder) : why_no_locks(folder);
    if (why.empty()) return;
    throw DatabaseError(Kind::kNoLocks,
                        "The folder '" + folder +
                            "' of the tuning database has no working locks (" + why +
                            "), so that two processes could damage it; name a file on a "
                            "local disk with CONVWRIGHT_DB.");
}

void make_folder(const std::string &path) {
    std::error_code error;
    fs::create_directories(folder_of(path), error);
    if (!error) return;
    throw DatabaseError(Kind::kCannotOpen, "The folder of the tuning database '" + path +
                                               "' cannot be made (" + error.message() +
                                               "); name another file with CONVWRIGHT_DB.");
}

std::unique_ptr<SqliteConnection> open_to_read(const std::string &path,
                                               const OpenOptions &options) {
    auto connection =
        std::make_unique<SqliteConnection>(path, SQLITE_OPEN_READONLY, options.busy_milliseconds);
    if (inspect(*connection, path) != State::kSound) {
        throw DatabaseError(Kind::kDamaged,
                            "The tuning database '" + path +
                                "' is empty or damaged; open it for writing, by any "
                                "tuning command, to keep what can be read.");
    }
    return connection;
}

std::unique_ptr<SqliteConnection> open_to_write(const std::string &path, const OpenOptions &options,
                                                std::vector<std::string> &notices) {
    make_folder(path);
    if (fs::exists(path) && fs::status(path).type() == fs::file_type::directory) {
        throw DatabaseError(Kind::kCannotOpen, "The tuning database '" + path +
                                                   "' is a folder; name a file with "
                                                   "CONVWRIGHT_DB.");
    }
    finish_interrupted_repair(path, notices);
    // The second time, after a repair, it must be sound.
    for (int attempt = 0; attempt < 2; attempt++) {
        auto connection = std::make_unique<SqliteConnection>(
            path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, options.busy_milliseconds);
        if (sqlite3_db_readonly(connection->handle(), "main") == 1) {
            throw SqliteError(SQLITE_READONLY, "read-only");
        }
        const State state = inspect(*connection, path);
        if (state == State::kDamaged) {
            connection.reset();
            if (!was_ours(path)) {
                throw DatabaseError(Kind::kForeign,
                                    "'" + path +
                                        "' is no tuning database; name another file with "
                                        "CONVWRIGHT_DB.");
            }
            check_locks(path, options);
            repair(path, options, notices);
            continue;
        }
        check_locks(path, options);
        // A write-ahead log needs memory that all writers share; between machines there is none.
        const bool shared = is_shared_file_system(folder_of(path));
        connection->run(shared ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL");
        connection->run("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
        if (options.most_pages > 0) {
            connection->run("PRAGMA max_page_count = " + std::to_string(options.most_pages));
        }
        if (state == State::kFresh) make_schema(*connection);
        migrate(*connection);
        return connection;
    }
    throw SqliteError(SQLITE_CORRUPT, "still damaged after a repair");
}

/// Several processes that open a new file at once change its journal mode and make its schema at once. SQLite
/// says that it is busy then without waiting, for waiting could be a deadlock: who waits lets go first.
std::unique_ptr<SqliteConnection> open_when_free(const std::string &path,
                                                 const OpenOptions &options,
                                                 std::vector<std::string> &notices) {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(options.busy_milliseconds);
    for (;;) {
        try {
            return open_to_write(path, options, notices);
        } catch (const SqliteError &error) {
            if (error.primary() != SQLITE_BUSY || std::chrono::steady_clock::now() > end) throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

}  // namespace

bool database_exists(const std::string &path) {
    std::error_code error;
    return fs::exists(path, error) || fs::exists(path + ".salvaged", error);
}

std::unique_ptr<SqliteConnection> open_database(const std::string &path, const OpenOptions &options,
                                                std::vector<std::string> &notices) {
    try {
        return options.read_only ? open_to_read(path, options)
                                 : open_when_free(path, options, notices);
    } catch (const SqliteError &error) {
        throw database_error(error, path);
    } catch (const fs::filesystem_error &error) {
        throw DatabaseError(Kind::kCannotOpen, "The tuning database '" + path +
                                                   "' cannot be opened (" + error.code().message() +
                                                   "); name another file with CONVWRIGHT_DB.");
    }
}

}  // namespace convwright
