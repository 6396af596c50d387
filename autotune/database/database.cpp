// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/database.h"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "autotune/database/claim_owner.h"
#include "autotune/database/database_error.h"
#include "autotune/database/schema.h"
#include "autotune/database/stored_rows.h"

namespace convwright {
namespace {

/// A file that no one changes, also where its folder cannot be written.
std::unique_ptr<SqliteConnection> open_shipped(const std::string &path) {
    std::string uri = "file:";
    for (const char c : path) {
        const bool special = c == '?' || c == '#' || c == '%';
        char hex[4];
        std::snprintf(hex, sizeof hex, "%%%02x", static_cast<unsigned char>(c));
        uri += special ? std::string(hex) : std::string(1, c);
    }
    auto connection = std::make_unique<SqliteConnection>(uri + "?immutable=1",
                                                         SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, 0);
    const int64_t version = connection->integer("PRAGMA user_version");
    if (connection->integer("PRAGMA application_id") != kApplicationId || version < 1 ||
        version > kDatabaseVersion) {
        throw DatabaseError(DatabaseError::Kind::kForeign,
                            "'" + path +
                                "' is no tuning database of this version; give one that "
                                "`convwright db export` of this Convwright was imported to.");
    }
    return connection;
}

// Seconds; searches ask for 600.
constexpr int64_t kLongestLease = 3600;

constexpr char kKeyCondition[] =
    "WHERE subject.problem = ? AND subject.phase = ? AND subject.space = ? AND "
    "environment.identity = ? ";

}  // namespace

int64_t now_seconds() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

template<typename Do>
auto Database::guarded(Do action) {
    try {
        return action();
    } catch (const SqliteError &error) {
        throw database_error(error, path_);
    }
}

template<typename Row>
void Database::for_both(Row visit) {
    guarded([&] {
        visit(*user_);
        if (shipped_) visit(*shipped_);
    });
}

Database::Database(const std::string &path, const DatabaseOptions &options)
    : path_(path), user_(open_database(path, options, notices_)) {
    if (options.shipped.empty()) return;
    try {
        shipped_ = open_shipped(options.shipped);
    } catch (const SqliteError &error) {
        throw database_error(error, options.shipped);
    }
}

Database::~Database() = default;

bool Database::add(const Record &record) {
    return guarded([&] {
        SqliteTransaction transaction(*user_);
        const bool added = insert_record(*user_, record);
        SqliteStatement end(*user_,
                            "DELETE FROM claim WHERE subject = ? AND environment = ? AND "
                            "candidate = ?");
        end.with(find_subject(*user_, record.key), find_environment(*user_, record.key.environment),
                 record.candidate)
            .step();
        transaction.commit();
        return added;
    });
}

std::optional<Record> Database::find(const SearchKey &key, const std::string &candidate) {
    std::optional<Record> found;
    for_both([&](SqliteConnection &file) {
        if (found) return;
        const std::string sql = select_records(
            std::string(kKeyCondition) +
            "AND environment.device = ? AND environment.versions = ? AND record.candidate = ?");
        SqliteStatement row(file, sql.c_str());
        row.with(key.subject.problem, key.subject.phase, key.space, key.environment.identity,
                 key.environment.device, key.environment.versions, candidate);
        if (row.step()) found = record_of(row);
    });
    return found;
}

bool Database::forget_failure(const SearchKey &key, const std::string &candidate) {
    return guarded([&] {
        SqliteStatement forget(*user_,
                               "DELETE FROM record WHERE subject = ? AND environment = ? AND "
                               "candidate = ? AND outcome NOT IN (0, 8) RETURNING id");
        return forget
            .with(find_subject(*user_, key), find_environment(*user_, key.environment), candidate)
            .step();
    });
}

Claim Database::try_claim(const SearchKey &key, const std::string &candidate,
                          int64_t lease_seconds) {
    if (find(key, candidate)) return Claim::kRecorded;
    return guarded([&] {
        SqliteTransaction transaction(*user_);
        const int64_t subject = need_subject(*user_, key);
        const int64_t environment = need_environment(*user_, key.environment);
        {
            SqliteStatement record(*user_,
                                   "SELECT 1 FROM record WHERE subject = ? AND environment = ? "
                                   "AND candidate = ?");
            if (record.with(subject, environment, candidate).step()) return Claim::kRecorded;
        }
        const std::string self = claim_owner();
        const int64_t now = now_seconds();
        {
            SqliteStatement claim(*user_,
                                  "SELECT owner, expires FROM claim WHERE subject = ? AND "
                                  "environment = ? AND candidate = ?");
            // A lease that ends later than one from now on was taken before the clock was set back.
            if (claim.with(subject, environment, candidate).step() && claim.text(0) != self &&
                claim.integer(1) > now && claim.integer(1) <= now + kLongestLease &&
                !owner_has_ended(claim.text(0))) {
                return Claim::kOthers;
            }
        }
        SqliteStatement take(*user_,
                             "INSERT OR REPLACE INTO claim(subject, environment, candidate, owner, "
                             "expires) VALUES(?, ?, ?, ?, ?)");
        take.with(subject, environment, candidate, self, now + lease_seconds).step();
        transaction.commit();
        return Claim::kMine;
    });
}

void Database::drop_claim(const SearchKey &key, const std::string &candidate) {
    guarded([&] {
        SqliteStatement end(*user_,
                            "DELETE FROM claim WHERE subject = ? AND environment = ? AND "
                            "candidate = ? AND owner = ?");
        end.with(find_subject(*user_, key), find_environment(*user_, key.environment), candidate,
                 claim_owner())
            .step();
    });
}

void Database::choose(const Choice &choice) {
    guarded([&] {
        SqliteTransaction transaction(*user_);
        put_choice(*user_, choice);
        transaction.commit();
    });
}

std::optional<Choice> Database::choice(const SearchKey &key) {
    std::optional<Choice> best;
    for_both([&](SqliteConnection &file) {
        // The user's comes before the shipped one, if both or none are of this environment.
        if (best && best->key.environment == key.environment) return;
        const std::string sql =
            select_choices(std::string(kKeyCondition) +
                           "ORDER BY environment.device = ? AND environment.versions = ? DESC, "
                           "choice.recorded DESC LIMIT 1");
        SqliteStatement row(file, sql.c_str());
        row.with(key.subject.problem, key.subject.phase, key.space, key.environment.identity,
                 key.environment.device, key.environment.versions);
        if (!row.step()) return;
        Choice found = choice_of(row);
        if (best && found.key.environment != key.environment) return;
        found.finals = finals_of(file, row);
        best = std::move(found);
    });
    return best;
}

std::vector<Record> Database::records(const std::function<bool(const SearchKey &)> &want,
                                      bool shipped) {
    return guarded([&] {
        std::vector<Record> all;
        if (shipped && !shipped_) return all;
        const std::string sql = select_records("ORDER BY record.id");
        SqliteStatement row(shipped ? *shipped_ : *user_, sql.c_str());
        while (row.step()) {
            Record record = record_of(row);
            if (!want || want(record.key)) all.push_back(std::move(record));
        }
        return all;
    });
}

std::vector<Choice> Database::choices(const std::function<bool(const SearchKey &)> &want,
                                      bool shipped) {
    return guarded([&] {
        std::vector<Choice> all;
        if (shipped && !shipped_) return all;
        SqliteConnection &file = shipped ? *shipped_ : *user_;
        const std::string sql = select_choices("ORDER BY choice.id");
        SqliteStatement row(file, sql.c_str());
        while (row.step()) {
            Choice choice = choice_of(row);
            if (want && !want(choice.key)) continue;
            choice.finals = finals_of(file, row);
            all.push_back(std::move(choice));
        }
        return all;
    });
}

int64_t Database::count_records() {
    return guarded([&] { return user_->integer("SELECT count(*) FROM record"); });
}

std::vector<std::string> Database::elsewhere(const SearchKey &key, size_t most) {
    // By rank among the records of their own key: times of different devices are not compared.
    std::vector<std::pair<size_t, std::string>> ranked;
    for_both([&](SqliteConnection &file) {
        const std::string sql = select_records(
            "WHERE subject.problem = ? AND subject.phase = ? AND record.outcome = 0 "
            "ORDER BY record.subject, record.environment, record.seconds, record.id");
        SqliteStatement row(file, sql.c_str());
        row.with(key.subject.problem, key.subject.phase);
        SearchKey last;
        size_t rank = 0;
        while (row.step()) {
            const Record record = record_of(row);
            if (record.key == key) continue;
            rank = record.key == last ? rank + 1 : 0;
            last = record.key;
            if (rank < most) ranked.push_back({rank, record.candidate});
        }
    });
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    std::vector<std::string> candidates;
    std::set<std::string> seen;
    for (const auto &[rank, candidate] : ranked) {
        if (candidates.size() < most && seen.insert(candidate).second) {
            candidates.push_back(candidate);
        }
    }
    return candidates;
}

}  // namespace convwright
