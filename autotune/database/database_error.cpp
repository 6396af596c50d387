// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/database_error.h"

#include <sqlite3.h>

#include "autotune/database/sqlite.h"

namespace convwright {

DatabaseError database_error(const SqliteError &error, const std::string &path) {
    using Kind = DatabaseError::Kind;
    const std::string name = "tuning database '" + path + "'";
    switch (error.primary()) {
        case SQLITE_FULL:
            return {Kind::kFull, "There is no space left to write the " + name +
                                     "; free some and run the same command again, all earlier "
                                     "results are kept."};
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return {Kind::kReadOnly, "The " + name +
                                         " cannot be written; make the file and its folder "
                                         "writable, or name another file with CONVWRIGHT_DB."};
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {Kind::kBusy, "Another process kept the " + name +
                                     " locked for too long; wait for it or end it, and run the "
                                     "same command again."};
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return {Kind::kDamaged, "The " + name +
                                        " is damaged; run the same command again, which moves "
                                        "it aside and keeps what can be read."};
        case SQLITE_CANTOPEN:
            return {Kind::kCannotOpen, "The " + name +
                                           " cannot be opened; give it a folder that exists and "
                                           "is writable, or name another file with "
                                           "CONVWRIGHT_DB."};
        default:
            // A write past a limit of the file's size comes as an error of the disk.
            if (error.code() == SQLITE_IOERR_WRITE) {
                return {Kind::kFull, "The " + name +
                                         " could not be written, the disk may be full or broken; "
                                         "free some space and run the same command again, all "
                                         "earlier results are kept."};
            }
            return {Kind::kCannotOpen, "The " + name + " cannot be used (" + error.what() +
                                           "); name another file with CONVWRIGHT_DB."};
    }
}

}  // namespace convwright
