// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "autotune/database/open_database.h"
#include "autotune/database/records.h"

namespace convwright {

struct DatabaseOptions : OpenOptions {
    std::string shipped;  ///< A read-only database behind the user's; empty: none.
};

/// What try_claim() found.
enum class Claim {
    kMine,      ///< No one else measures the candidate until the lease ends.
    kOthers,    ///< Another process, which is alive, measures it now.
    kRecorded,  ///< It has a record.
};

/// The tuning database: an SQLite file of the user over a read-only one that is shipped. All that a
/// function wrote is committed when it returns. Every function throws DatabaseError. Several
/// processes may use one file; an object is for one thread.
class Database {
public:
    explicit Database(const std::string &path, const DatabaseOptions &options = {});
    ~Database();

    const std::string &path() const { return path_; }
    /// What happened when it was opened that the user should know, one sentence each.
    const std::vector<std::string> &notices() const { return notices_; }

    /// Ends the claim on the candidate, too. False, and nothing is written, if there is a record of it.
    bool add(const Record &record);
    /// What is recorded of a candidate in exactly this environment, the user's record first.
    std::optional<Record> find(const SearchKey &key, const std::string &candidate);

    /// Forgets a trial that failed, so that it may be tried again; false if there is none.
    bool forget_failure(const SearchKey &key, const std::string &candidate);

    /// Whether this process may measure a candidate now. A lease that is over, or whose holder on
    /// this machine has died, is taken over.
    Claim try_claim(const SearchKey &key, const std::string &candidate, int64_t lease_seconds);
    void drop_claim(const SearchKey &key, const std::string &candidate);

    /// In the place of the key's earlier choice.
    void choose(const Choice &choice);
    /// The choice for a subject in this space on a device of this identity: that of the
    /// environment, if there is one, else the newest; the caller sees the difference in its key.
    std::optional<Choice> choice(const SearchKey &key);

    /// Records, the oldest first, for which `want` (if given) is true of the key; the shipped ones if `shipped`.
    std::vector<Record> records(const std::function<bool(const SearchKey &)> &want = nullptr,
                                bool shipped = false);
    std::vector<Choice> choices(const std::function<bool(const SearchKey &)> &want = nullptr,
                                bool shipped = false);
    int64_t count_records();

    /// Candidates that were good for this subject on other devices, in other environments or spaces, the best of each first:
    /// where a search may begin, never an answer.
    std::vector<std::string> elsewhere(const SearchKey &key, size_t most);

    /// The file itself, for what is done to all of it (maintenance.h).
    SqliteConnection &connection() { return *user_; }

private:
    template<typename Do>
    auto guarded(Do action);
    template<typename Row>
    void for_both(Row visit);

    std::string path_;
    std::vector<std::string> notices_;
    std::unique_ptr<SqliteConnection> user_, shipped_;
};

/// The present time as records hold it: seconds since 1970.
int64_t now_seconds();

}  // namespace convwright
