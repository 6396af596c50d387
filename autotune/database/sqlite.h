// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace convwright {

/// What SQLite says when a call fails.
class SqliteError : public std::runtime_error {
public:
    SqliteError(int code, const std::string &text) : std::runtime_error(text), code_(code) {}
    int code() const { return code_; }  ///< Extended result code.
    int primary() const { return code_ & 0xff; }

private:
    int code_;
};

/// An open database file. Everything here throws SqliteError. For one thread.
class SqliteConnection {
public:
    /// `flags` are SQLITE_OPEN_*; `name` may be a URI if they say so.
    SqliteConnection(const std::string &name, int flags, int busy_milliseconds);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection &) = delete;
    SqliteConnection &operator=(const SqliteConnection &) = delete;

    void run(const std::string &sql);
    int64_t integer(
        const std::string &sql);  ///< First column of the first row; 0 if there is none.
    std::string text(const std::string &sql);  ///< The same; "" if there is none.
    int changes() const;                       ///< Rows that the last statement changed.
    sqlite3 *handle() const { return handle_; }

private:
    sqlite3 *handle_ = nullptr;
};

/// A prepared statement. Bound values count from 1, columns from 0, as in SQLite.
class SqliteStatement {
public:
    SqliteStatement(SqliteConnection &connection, const char *sql);
    ~SqliteStatement();
    SqliteStatement(const SqliteStatement &) = delete;
    SqliteStatement &operator=(const SqliteStatement &) = delete;

    /// Binds all values in order and forgets earlier rows.
    template<typename... Values>
    SqliteStatement &with(const Values &...values) {
        reset();
        int i = 0;
        (bind(++i, values), ...);
        return *this;
    }
    bool step();  ///< To the next row; false behind the last one.

    int64_t integer(int column) const;
    double real(int column) const;
    std::string text(int column) const;
    bool has_type(int column, int type) const;  ///< SQLITE_INTEGER and so on.

private:
    void reset();
    void bind(int index, int64_t value);
    void bind(int index, int value) { bind(index, int64_t{value}); }
    void bind(int index, double value);
    void bind(int index, const std::string &value);

    SqliteConnection &connection_;
    sqlite3_stmt *statement_ = nullptr;
};

/// A write transaction; gone if it is not committed.
class SqliteTransaction {
public:
    /// At once for writing: to upgrade later could fail against another writer's snapshot.
    explicit SqliteTransaction(SqliteConnection &connection, const char *begin = "BEGIN IMMEDIATE")
        : connection_(connection) {
        connection_.run(begin);
    }
    ~SqliteTransaction();
    SqliteTransaction(const SqliteTransaction &) = delete;
    SqliteTransaction &operator=(const SqliteTransaction &) = delete;
    void commit();

private:
    SqliteConnection &connection_;
    bool open_ = true;
};

}  // namespace convwright
