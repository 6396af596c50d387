// SPDX-License-Identifier: Apache-2.0
// Databases of other versions than this one's.
#include <sqlite3.h>

#include "autotune/database/exchange.h"
#include "autotune/database/maintenance.h"
#include "autotune/database/schema.h"
#include "autotune/database/sqlite.h"
#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

/// The tables of version 1 with what a program of that version wrote: 3 records, and a choice.
constexpr char kVersionOne[] = R"sql(
CREATE TABLE subject(
    -- convwright tuning database
    id INTEGER PRIMARY KEY,
    problem TEXT NOT NULL,
    phase INTEGER NOT NULL,
    space TEXT NOT NULL,
    UNIQUE(problem, phase, space));
CREATE TABLE environment(
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    device TEXT NOT NULL,
    versions TEXT NOT NULL,
    UNIQUE(identity, device, versions));
CREATE TABLE record(
    id INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject(id),
    environment INTEGER NOT NULL REFERENCES environment(id),
    candidate TEXT NOT NULL,
    outcome INTEGER NOT NULL,
    seconds REAL NOT NULL,
    spread REAL NOT NULL,
    samples INTEGER NOT NULL,
    reason TEXT NOT NULL,
    artifact TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    UNIQUE(subject, environment, candidate));
CREATE TABLE choice(
    id INTEGER PRIMARY KEY,
    subject INTEGER NOT NULL REFERENCES subject(id),
    environment INTEGER NOT NULL REFERENCES environment(id),
    candidate TEXT NOT NULL,
    artifact TEXT NOT NULL,
    seconds REAL NOT NULL,
    reason TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    UNIQUE(subject, environment));
CREATE TABLE final(
    id INTEGER PRIMARY KEY,
    choice INTEGER NOT NULL REFERENCES choice(id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    candidate TEXT NOT NULL,
    seconds REAL NOT NULL,
    spread REAL NOT NULL);
CREATE INDEX final_of_choice ON final(choice);
CREATE TABLE claim(
    subject INTEGER NOT NULL,
    environment INTEGER NOT NULL,
    candidate TEXT NOT NULL,
    owner TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY(subject, environment, candidate)) WITHOUT ROWID;
INSERT INTO subject VALUES(1, 'fprop_n1ci64ih14iw14co64kh3kw3s1p1_f32_nhwc', 0, '0123456789abcdef');
INSERT INTO environment VALUES(1, 'cpu/test/avx2', 'cores=2', 'convwright 0.1.0');
INSERT INTO record VALUES(1, 1, 1, 'conv2d.avx2/tile:1', 0, 2e-3, 1e-5, 9, '', '', 1001);
INSERT INTO record VALUES(2, 1, 1, 'conv2d.avx2/tile:2', 0, 3e-3, 1e-5, 9, '', '', 1002);
INSERT INTO record VALUES(3, 1, 1, 'conv2d.avx2/tile:3', 7, 0, 0, 0, 'It crashed.', '', 1003);
INSERT INTO choice VALUES(1, 1, 1, 'conv2d.avx2/tile:1',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 2e-3, 'It is the fastest.', 5000);
INSERT INTO final VALUES(1, 1, 'winner', 'conv2d.avx2/tile:1', 2e-3, 1e-5);
INSERT INTO final VALUES(2, 1, 'pytorch', 'pytorch', 3e-3, 1e-5);
)sql";

class MigrationTest : public DatabaseTest {
protected:
    void make_version_one(const std::string &file) const {
        SqliteConnection connection(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0);
        connection.run("PRAGMA page_size = " + std::to_string(kPageBytes));
        connection.run(kVersionOne);
        connection.run("PRAGMA application_id = " + std::to_string(kApplicationId));
        connection.run("PRAGMA user_version = 1");
    }
    static int64_t version_of(Database &database) {
        return database.connection().integer("PRAGMA user_version");
    }
    static std::vector<FinalTime> warm_finals() {
        std::vector<FinalTime> finals = test_choice().finals;
        for (FinalTime &time : finals) time.cold_seconds = 0;
        return finals;
    }
    static void expect_all(Database &database) {
        const std::vector<Record> records = database.records();
        ASSERT_EQ(records.size(), 3u);
        EXPECT_EQ(records[1].candidate, "conv2d.avx2/tile:2");
        EXPECT_EQ(records[1].result.seconds, 3e-3);
        EXPECT_EQ(records[2].result.reason, "It crashed.");
        const std::optional<Choice> choice = database.choice(test_key());
        ASSERT_TRUE(choice);
        EXPECT_EQ(choice->candidate, "conv2d.avx2/tile:1");
        EXPECT_EQ(choice->finals, warm_finals());
        EXPECT_TRUE(verify(database).empty());
    }
};

TEST_F(MigrationTest, OfAnOlderVersionKeepsAllThatItHolds) {
    make_version_one(path());
    {
        Database database(path());
        EXPECT_TRUE(database.notices().empty());
        EXPECT_EQ(version_of(database), kDatabaseVersion);
        expect_all(database);
        // And takes what is new.
        database.choose(test_choice(test_key(2)));
        EXPECT_EQ(database.choice(test_key(2))->finals, test_choice().finals);
    }
    Database again(path());
    expect_all(again);
    EXPECT_EQ(again.choices().size(), 2u);
    EXPECT_FALSE(std::filesystem::exists(path() + ".damaged-1"));
}

TEST_F(MigrationTest, IsTheSchemaOfANewDatabase) {
    make_version_one(path());
    Database migrated(path()), fresh(path("fresh"));
    constexpr char kColumns[] =
        "SELECT group_concat(m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' "
        "' || "
        "ifnull(c.dflt_value, '') , '; ') FROM sqlite_schema m, pragma_table_info(m.name) c "
        "WHERE m.type = 'table' ORDER BY m.name, c.cid";
    EXPECT_EQ(migrated.connection().text(kColumns), fresh.connection().text(kColumns));
}

TEST_F(MigrationTest, ManyProcessesAtOnceMigrateOnce) {
    make_version_one(path());
    std::vector<pid_t> children;
    for (int p = 0; p < 4; p++) {
        const pid_t child = fork();
        if (child == 0) {
            try {
                Database database(path());
                database.add(test_record(100 + p));
                _exit(0);
            } catch (const std::exception &error) {
                std::fprintf(stderr, "child: %s\n", error.what());
                _exit(1);
            }
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(Database(path()).count_records(), 7);
}

TEST_F(MigrationTest, WhatIsOnlyReadStaysAsItIs) {
    make_version_one(path("old"));
    const std::string before = file_bytes(path("old"));
    DatabaseOptions options;
    options.read_only = true;
    {
        Database database(path("old"), options);
        expect_all(database);
    }
    Database database(path());
    EXPECT_EQ(merge_database(database, path("old")).added, 4);
    expect_all(database);
    options = {};
    options.shipped = path("old");
    Database over(path("over"), options);
    EXPECT_EQ(over.choice(test_key())->finals, warm_finals());
    EXPECT_EQ(file_bytes(path("old")), before);
}

TEST_F(MigrationTest, ADamagedOlderOneIsSalvagedWithItsFinals) {
    make_version_one(path());
    std::string bytes = file_bytes(path());
    bytes.replace(0, 100, std::string(100, 'Z'));
    write_bytes(path(), bytes);
    Database database(path());
    ASSERT_EQ(database.notices().size(), 1u);
    EXPECT_EQ(version_of(database), kDatabaseVersion);
    expect_all(database);
}

TEST_F(MigrationTest, AShippedOneOfANewerVersionIsRefused) {
    { Database{path()}; }
    {
        SqliteConnection connection(path(), SQLITE_OPEN_READWRITE, 0);
        connection.run("PRAGMA user_version = " + std::to_string(kDatabaseVersion + 1));
    }
    DatabaseOptions options;
    options.shipped = path();
    expect_sentence(complaint([&] { Database(path("over"), options); }));
}

}  // namespace
}  // namespace convwright
