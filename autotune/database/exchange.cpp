// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/exchange.h"

#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "autotune/bounded_json.h"
#include "autotune/bounded_lines.h"
#include "autotune/database/database_error.h"
#include "autotune/database/stored_rows.h"
#include "runtime/in_quotes.h"

namespace convwright {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "convwright_records";
constexpr int kFormatVersion = 1;

Json key_fields(const SearchKey &key) {
    return {{"problem", key.subject.problem},
            {"phase", key.subject.phase},
            {"space", key.space},
            {"identity", key.environment.identity},
            {"device", key.environment.device},
            {"versions", key.environment.versions}};
}

SearchKey key_from(const Json &j) {
    return {{j.at("problem"), integer_at<int>(j, "phase")},
            j.at("space"),
            {j.at("identity"), j.at("device"), j.at("versions")}};
}

Json line_of(const Record &record) {
    const Result &r = record.result;
    Json j = key_fields(record.key);
    j.update({{"candidate", record.candidate},
              {"outcome", outcome_name(r.outcome)},
              {"seconds", r.seconds},
              {"spread", r.spread},
              {"samples", r.samples},
              {"reason", r.reason},
              {"artifact", r.artifact},
              {"recorded", record.recorded}});
    return j;
}

Json line_of(const Choice &choice) {
    Json finals = Json::array();
    for (const FinalTime &f : choice.finals) {
        finals.push_back({{"role", f.role},
                          {"candidate", f.candidate},
                          {"seconds", f.seconds},
                          {"spread", f.spread},
                          {"cold_seconds", f.cold_seconds}});
    }
    Json j = key_fields(choice.key);
    j.update({{"choice", choice.candidate},
              {"artifact", choice.artifact},
              {"seconds", choice.seconds},
              {"reason", choice.reason},
              {"finals", finals},
              {"recorded", choice.recorded}});
    return j;
}

Json header(size_t records, size_t choices) {
    return {{kFormat, kFormatVersion}, {"records", records}, {"choices", choices}};
}

/// Texts of the database may hold any bytes, as of a compiler's message.
void put(const Json &line, std::ostream &out) {
    out << line.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
}

Record record_from(const Json &j) {
    const auto outcome = parse_outcome(j.at("outcome").get<std::string>());
    if (!outcome) throw std::invalid_argument("the outcome is unknown");
    return {key_from(j),
            j.at("candidate"),
            {*outcome, j.at("seconds"), j.at("spread"), integer_at<int>(j, "samples"),
             j.at("reason"), j.at("artifact")},
            integer_at<int64_t>(j, "recorded")};
}

Choice choice_from(const Json &j) {
    Choice choice{key_from(j),
                  j.at("choice"),
                  j.at("artifact"),
                  j.at("seconds"),
                  j.at("reason"),
                  {},
                  integer_at<int64_t>(j, "recorded")};
    for (const Json &f : j.at("finals")) {
        // Exports of databases of version 1 have no such times.
        choice.finals.push_back({f.at("role"), f.at("candidate"), f.at("seconds"), f.at("spread"),
                                 f.value("cold_seconds", 0.0)});
    }
    return choice;
}

/// What an import found sound, written at the end.
struct Batch {
    std::vector<Record> records;
    std::vector<Choice> choices;
};

void check(const std::optional<std::string> &why) {
    if (why) throw std::invalid_argument(*why);
}

/// Throws std::exception with what is wrong.
void take_line(const Json &j, Batch &batch) {
    if (j.contains("choice")) {
        Choice choice = choice_from(j);
        check(why_no_choice(choice));
        batch.choices.push_back(std::move(choice));
    } else {
        Record record = record_from(j);
        check(why_no_record(record));
        batch.records.push_back(std::move(record));
    }
}

void write(Database &database, const Batch &batch, Imported &count) {
    SqliteConnection &file = database.connection();
    try {
        SqliteTransaction transaction(file);
        for (const Record &record : batch.records) {
            ++(insert_record(file, record) ? count.added : count.present);
        }
        SqliteStatement has(file, "SELECT 1 FROM choice WHERE subject = ? AND environment = ?");
        for (const Choice &choice : batch.choices) {
            has.with(find_subject(file, choice.key),
                     find_environment(file, choice.key.environment));
            const bool present = has.step();
            ++(present ? count.present : count.added);
            if (!present) put_choice(file, choice);
        }
        transaction.commit();
    } catch (const SqliteError &error) {
        throw database_error(error, database.path());
    }
}

}  // namespace

void export_records(Database &database, std::ostream &out,
                    const std::function<bool(const SearchKey &)> &want) {
    const std::vector<Record> records = database.records(want);
    const std::vector<Choice> choices = database.choices(want);
    put(header(records.size(), choices.size()), out);
    for (const Record &record : records) put(line_of(record), out);
    for (const Choice &choice : choices) put(line_of(choice), out);
}

void export_record(const Record &record, std::ostream &out) {
    put(header(1, 0), out);
    put(line_of(record), out);
}

Imported import_records(Database &database, std::istream &in, const std::string &name) {
    Imported count;
    Batch batch;
    int64_t number = 0;
    bool known = false;
    for (std::string line; next_line(in, line);) {
        number++;
        if (line.empty()) continue;
        const std::string where = "'" + name + "', line " + std::to_string(number) + ": ";
        try {
            if (line.size() > kLongestLine) throw std::invalid_argument("the line is too long");
            const Json j = bounded_json<Json>(line);
            if (!j.is_object()) throw std::invalid_argument("the line is no JSON object");
            if (!known && !j.contains(kFormat)) {
                count.refused.push_back(where +
                                        "this is no file of `convwright db export`; its first "
                                        "line would say \"convwright_records\".");
                return count;
            }
            if (j.contains(kFormat)) {
                if (j.at(kFormat) != kFormatVersion) {
                    count.refused.push_back(where +
                                            "the file is of another version than 1; "
                                            "export it with this Convwright.");
                    return count;
                }
                known = true;
                continue;
            }
            take_line(j, batch);
        } catch (const Json::exception &) {
            count.refused.push_back(where +
                                    "the line is no record, it is cut off or a field is "
                                    "missing; the others were taken.");
            if (!known) return count;
        } catch (const std::invalid_argument &error) {
            count.refused.push_back(where + without_stop(error.what()) +
                                    "; the other lines were taken.");
        }
    }
    write(database, batch, count);
    return count;
}

Imported merge_database(Database &database, const std::string &path) {
    DatabaseOptions options;
    options.read_only = true;
    Database other(path, options);
    Imported count;
    Batch batch;
    const auto refuse = [&](const std::string &what, const std::string &why) {
        count.refused.push_back("'" + path + "', " + what + ": " + why +
                                "; the others were taken.");
    };
    for (Record &record : other.records()) {
        if (const auto why = why_no_record(record)) {
            refuse("record of " + record.candidate, *why);
        } else {
            batch.records.push_back(std::move(record));
        }
    }
    for (Choice &choice : other.choices()) {
        if (const auto why = why_no_choice(choice)) {
            refuse("choice of " + choice.candidate, *why);
        } else {
            batch.choices.push_back(std::move(choice));
        }
    }
    write(database, batch, count);
    return count;
}

}  // namespace convwright
