// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/sqlite.h"

#include <sqlite3.h>

namespace convwright {
namespace {

void check(sqlite3 *handle, int code) {
    if (code == SQLITE_OK) return;
    throw SqliteError(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle));
}

}  // namespace

SqliteConnection::SqliteConnection(const std::string &name, int flags, int busy_milliseconds) {
    const int code = sqlite3_open_v2(name.c_str(), &handle_, flags, nullptr);
    if (code != SQLITE_OK) {
        const SqliteError error(handle_ == nullptr ? code : sqlite3_extended_errcode(handle_),
                                handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_));
        sqlite3_close(handle_);
        throw error;
    }
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, busy_milliseconds);
}

SqliteConnection::~SqliteConnection() { sqlite3_close(handle_); }

void SqliteConnection::run(const std::string &sql) {
    check(handle_, sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr));
}

int64_t SqliteConnection::integer(const std::string &sql) {
    SqliteStatement statement(*this, sql.c_str());
    return statement.step() ? statement.integer(0) : 0;
}

std::string SqliteConnection::text(const std::string &sql) {
    SqliteStatement statement(*this, sql.c_str());
    return statement.step() ? statement.text(0) : "";
}

int SqliteConnection::changes() const { return sqlite3_changes(handle_); }

SqliteStatement::SqliteStatement(SqliteConnection &connection, const char *sql)
    : connection_(connection) {
    check(connection.handle(),
          sqlite3_prepare_v2(connection.handle(), sql, -1, &statement_, nullptr));
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

bool SqliteStatement::step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        // A statement that stays at its end would hold its read lock.
        sqlite3_reset(statement_);
        return false;
    }
    const SqliteError error(sqlite3_extended_errcode(connection_.handle()),
                            sqlite3_errmsg(connection_.handle()));
    sqlite3_reset(statement_);
    throw error;
}

void SqliteStatement::reset() { sqlite3_reset(statement_); }

int64_t SqliteStatement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}
double SqliteStatement::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string SqliteStatement::text(int column) const {
    const auto *bytes = reinterpret_cast<const char *>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return "";
    return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}
bool SqliteStatement::has_type(int column, int type) const {
    return sqlite3_column_type(statement_, column) == type;
}

void SqliteStatement::bind(int index, int64_t value) {
    check(connection_.handle(), sqlite3_bind_int64(statement_, index, value));
}
void SqliteStatement::bind(int index, double value) {
    check(connection_.handle(), sqlite3_bind_double(statement_, index, value));
}
void SqliteStatement::bind(int index, const std::string &value) {
    check(connection_.handle(),
          sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()),
                            SQLITE_TRANSIENT));
}

SqliteTransaction::~SqliteTransaction() {
    if (!open_) return;
    // A full disk may have ended it already: then there is nothing to roll back, and no error to tell.
    sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteTransaction::commit() {
    connection_.run("COMMIT");
    open_ = false;
}

}  // namespace convwright
