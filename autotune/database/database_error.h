// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace convwright {

class SqliteError;

/// Why a tuning database cannot be used, as one sentence for the user. Nothing that was committed is lost.
class DatabaseError : public std::runtime_error {
public:
    enum class Kind {
        kNewer,       ///< Written by a newer version.
        kForeign,     ///< Some other file.
        kReadOnly,    ///< To be written, and it or its folder cannot be.
        kFull,        ///< No space left.
        kBusy,        ///< Another process held it for too long.
        kNoLocks,     ///< Two processes could write it at once.
        kDamaged,     ///< Found while in use; the next open repairs it.
        kCannotOpen,  ///< Anything else.
    };
    DatabaseError(Kind kind, const std::string &sentence)
        : std::runtime_error(sentence), kind_(kind) {}
    Kind kind() const { return kind_; }

private:
    Kind kind_;
};

/// The sentence for what SQLite says of the database `path`.
DatabaseError database_error(const SqliteError &error, const std::string &path);

}  // namespace convwright
