// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <sstream>

#include "autotune/database/exchange.h"
#include "autotune/database/maintenance.h"
#include "tests/autotune/database/database_fixture.h"
#include "tests/fuzz/parser.h"

namespace convwright {
namespace {

using Complaints = std::vector<std::string>;

/// A database in a folder of its own, which goes with it.
struct Scratchpad {
    TemporaryFolder folder;
    std::string path = folder.path() + "/records.sqlite";
    std::unique_ptr<Database> database = std::make_unique<Database>(path);
};

void fill(Database &database) {
    for (int i = 0; i < 3; i++) database.add(test_record(i, test_key(1 + i % 2)));
    Record failed = test_record(9);
    failed.result = {Outcome::kBuildFailed, 0, 0, 0, "It \"failed\".", ""};
    database.add(failed);
    database.choose(test_choice());
}

std::string exported(Database &database) {
    std::ostringstream out;
    export_records(database, out);
    return out.str();
}

Imported imported(Database &database, const std::string &text) {
    std::istringstream in(text);
    return import_records(database, in, "fuzz.jsonl");
}

/// What lies in the database stays sound, whatever was taken over.
Complaints complaints_of_import(const std::string &text) {
    static Scratchpad pad;
    static int imports = 0;
    // Anew at times: the more there is, the longer it takes to look through it.
    if (++imports % 64 == 0)
        pad.database->connection().run("DELETE FROM record; DELETE FROM choice");
    const Imported first = imported(*pad.database, text);
    EXPECT_EQ(verify(*pad.database), Complaints{});
    if (first.added > 0) {
        EXPECT_EQ(imported(*pad.database, exported(*pad.database)).added, 0);
    }
    return first.refused;
}

Parser export_parser() {
    Scratchpad pad;
    const std::string empty = exported(*pad.database);
    fill(*pad.database);
    return {"export", {empty, exported(*pad.database)}, complaints_of_import};
}

std::string database_bytes() {
    Scratchpad pad;
    fill(*pad.database);
    pad.database.reset();  // closes the file
    return file_bytes(pad.path);
}

/// A refusal of the whole file is one complaint.
Complaints complaints_of(const std::function<Complaints()> &action) {
    try {
        return action();
    } catch (const DatabaseError &error) {
        return {error.what()};
    }
}

Parser merged_database_parser() {
    return {"merged_database", {database_bytes()}, [](const std::string &bytes) {
                static Scratchpad pad;
                const std::string other = pad.folder.write("other.sqlite", bytes);
                return complaints_of([&] {
                    const Imported merged = merge_database(*pad.database, other);
                    EXPECT_EQ(verify(*pad.database), Complaints{});
                    return merged.refused;
                });
            }};
}

/// Opened as the user's own: what can be saved is, and it can be written to or says why not.
Parser opened_database_parser() {
    return {"opened_database",
            {database_bytes()},
            [](const std::string &bytes) {
                const TemporaryFolder folder;
                const std::string path = folder.write("records.sqlite", bytes);
                return complaints_of([&] {
                    Database database(path);
                    database.add(test_record(77, test_key(5)));
                    EXPECT_TRUE(database.find(test_key(5), test_record(77).candidate));
                    database.records(), database.choices();
                    return database.notices();
                });
            },
            nullptr,
            40};  // a second and a half: what is added is on the disk before the next
}

}  // namespace

std::vector<Parser> database_parsers() {
    return {export_parser(), merged_database_parser(), opened_database_parser()};
}

}  // namespace convwright
