// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/maintenance.h"

#include <map>

#include "autotune/database/database_error.h"

namespace convwright {
namespace {

constexpr char kNotChosen[] =
    " AND NOT EXISTS (SELECT 1 FROM choice WHERE choice.subject = record.subject AND "
    "choice.environment = record.environment AND choice.candidate = record.candidate)";

std::string name_of(const SearchKey &key) {
    return key.subject.problem + ", pass " + std::to_string(key.subject.phase) + " on " +
           key.environment.identity;
}

template<typename... Values>
int64_t erase(SqliteConnection &file, const std::string &table, const std::string &condition,
              const Values &...values) {
    SqliteStatement erase(file, ("DELETE FROM " + table + " WHERE " + condition).c_str());
    erase.with(values...).step();
    return file.changes();
}

}  // namespace

std::vector<KeySummary> list_keys(Database &database) {
    std::vector<KeySummary> list;
    std::map<std::string, size_t> places;
    const auto summary_of = [&](const SearchKey &key) -> KeySummary & {
        std::string text = name_of(key);
        for (const std::string &part :
             {key.space, key.environment.device, key.environment.versions}) {
            text += "\n" + part;
        }
        const auto [place, fresh] = places.try_emplace(text, list.size());
        if (fresh) list.push_back({key, 0, 0, 0, "", ""});
        return list[place->second];
    };
    for (const Record &record : database.records()) {
        KeySummary &summary = summary_of(record.key);
        summary.records++;
        if (record.result.outcome != Outcome::kOk) {
            summary.failures += record.result.outcome != Outcome::kNoisy;
        } else if (summary.best.empty() || record.result.seconds < summary.best_seconds) {
            summary.best = record.candidate, summary.best_seconds = record.result.seconds;
        }
    }
    for (const Choice &choice : database.choices())
        summary_of(choice.key).chosen = choice.candidate;
    return list;
}

int64_t prune(Database &database, const PruneRule &rule) {
    SqliteConnection &file = database.connection();
    try {
        int64_t gone = 0;
        {
            SqliteTransaction transaction(file);
            if (rule.failures) gone += erase(file, "record", "outcome NOT IN (0, 8)");
            if (!rule.not_versions.empty()) {
                for (const char *table : {"record", "choice"}) {
                    gone += erase(file, table,
                                  "environment IN (SELECT id FROM environment WHERE "
                                  "substr(versions || ';', 1, length(?)) != ?)",
                                  rule.not_versions + ";", rule.not_versions + ";");
                }
            }
            if (rule.recorded_before != 0) {
                gone += erase(file, "record", std::string("recorded < ?") + kNotChosen,
                              rule.recorded_before);
            }
            if (rule.keep_best > 0) {
                gone += erase(file, "record",
                              "id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY "
                              "subject, environment ORDER BY outcome != 0, seconds, id) AS place "
                              "FROM record) WHERE place > ?)" +
                                  std::string(kNotChosen),
                              rule.keep_best);
            }
            const std::string unused =
                " NOT IN (SELECT %s FROM record UNION SELECT %s FROM choice)";
            for (const std::string table : {"subject", "environment"}) {
                std::string condition = "id" + unused;
                for (size_t at; (at = condition.find("%s")) != std::string::npos;) {
                    condition.replace(at, 2, table);
                }
                erase(file, table, condition);
            }
            transaction.commit();
        }
        file.run("VACUUM");
        return gone;
    } catch (const SqliteError &error) {
        throw database_error(error, database.path());
    }
}

std::vector<std::string> verify(Database &database) {
    std::vector<std::string> complaints;
    const std::string name = "'" + database.path() + "': ";
    SqliteConnection &file = database.connection();
    try {
        SqliteStatement check(file, "PRAGMA integrity_check");
        while (check.step()) {
            if (check.text(0) != "ok") complaints.push_back(name + check.text(0) + ".");
        }
        SqliteStatement references(file, "PRAGMA foreign_key_check");
        while (references.step()) {
            complaints.push_back(name + "row " + references.text(1) + " of table " +
                                 references.text(0) + " belongs to nothing in " +
                                 references.text(2) + ".");
        }
    } catch (const SqliteError &error) {
        complaints.push_back(database_error(error, database.path()).what());
        return complaints;
    }
    for (const Record &record : database.records()) {
        if (const auto why = why_no_record(record)) {
            complaints.push_back(name + "the record of " + record.candidate + " for " +
                                 name_of(record.key) + " is not sound: " + *why + ".");
        }
    }
    for (const Choice &choice : database.choices()) {
        if (const auto why = why_no_choice(choice)) {
            complaints.push_back(name + "the choice for " + name_of(choice.key) +
                                 " is not sound: " + *why + ".");
        }
    }
    return complaints;
}

}  // namespace convwright
