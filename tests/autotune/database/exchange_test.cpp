// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/exchange.h"

#include <sstream>

#include "autotune/database/maintenance.h"
#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

std::string exported(Database &database) {
    std::ostringstream out;
    export_records(database, out);
    return out.str();
}

Imported import(Database &database, const std::string &text) {
    std::istringstream in(text);
    return import_records(database, in, "file.jsonl");
}

void fill(Database &database) {
    for (int i = 0; i < 5; i++) database.add(test_record(i, test_key(1 + i % 2)));
    Record failed = test_record(9);
    failed.result = {Outcome::kBuildFailed, 0, 0, 0, "It \"failed\":\nno such\tfile \xff", ""};
    database.add(failed);
    database.choose(test_choice());
}

TEST_F(DatabaseTest, ExportsWhatAnImportTakesBack) {
    Database from(path("from"));
    fill(from);
    Database to(path("to"));
    const Imported first = import(to, exported(from));
    EXPECT_EQ(first.added, 7);
    EXPECT_EQ(first.present, 0);
    EXPECT_TRUE(first.refused.empty());
    EXPECT_EQ(exported(to), exported(from));
    const Imported again = import(to, exported(from));
    EXPECT_EQ(again.added, 0);
    EXPECT_EQ(again.present, 7);
    EXPECT_EQ(to.choice(test_key())->finals, test_choice().finals);
}

TEST_F(DatabaseTest, ImportsFinalsWithoutColdTimes) {
    Database from(path("from"));
    from.choose(test_choice());
    std::string text = exported(from);
    for (const std::string field : {",\"cold_seconds\":0.0025", ",\"cold_seconds\":0.0"}) {
        const size_t at = text.find(field);
        ASSERT_NE(at, std::string::npos) << text;
        text.erase(at, field.size());
    }
    Database to(path("to"));
    EXPECT_EQ(import(to, text).added, 1);
    std::vector<FinalTime> warm = test_choice().finals;
    warm[0].cold_seconds = 0;
    EXPECT_EQ(to.choice(test_key())->finals, warm);
    // A time that can be none is refused.
    std::string wrong = exported(from);
    wrong.replace(wrong.find("\"cold_seconds\":0.0025"), 21, "\"cold_seconds\":-1");
    Database other(path("other"));
    EXPECT_EQ(import(other, wrong).refused.size(), 1u);
}

// A kernel for GPUs is two files.
TEST_F(DatabaseTest, ImportsArtifactsOfTwoFiles) {
    Database from(path("from")), to(path("to"));
    Choice choice = test_choice(test_key(1, "gpu/Some GPU/sms=108"), "conv2d.cuda/engine:1");
    choice.artifact = std::string(128, 'a');
    from.choose(choice);
    EXPECT_EQ(import(to, exported(from)).added, 1);
    EXPECT_EQ(to.choice(choice.key)->artifact, choice.artifact);
}

TEST_F(DatabaseTest, ExportsTheKeysThatAreWanted) {
    Database database(path());
    fill(database);
    std::ostringstream out;
    export_records(database, out,
                   [](const SearchKey &key) { return key.subject == test_key(2).subject; });
    Database to(path("to"));
    EXPECT_EQ(import(to, out.str()).added, 2);
}

TEST_F(DatabaseTest, ImportJudgesEveryLineByItself) {
    Database from(path("from"));
    fill(from);
    const std::string text = exported(from);
    const std::string header = text.substr(0, text.find('\n') + 1);
    const std::string line =
        text.substr(header.size(), text.find('\n', header.size()) - header.size());
    const auto with = [&](const std::string &old, const std::string &fresh) {
        std::string changed = line;
        const size_t at = changed.find(old);
        EXPECT_NE(at, std::string::npos) << old;
        return changed.replace(at, old.size(), fresh);
    };
    const std::vector<std::string> bad = {
        "no json",
        "[1]",
        "{}",
        line.substr(0, line.size() / 2),
        with("\"outcome\":\"ok\"", "\"outcome\":\"great\""),
        with("\"outcome\":\"ok\"", "\"outcome\":\"crashed\""),
        with("\"seconds\":0.001", "\"seconds\":-1"),
        with("\"seconds\":0.001", "\"seconds\":null"),
        with("\"seconds\":0.001", "\"seconds\":1e999"),
        with("\"samples\":9", "\"samples\":-9"),
        with("\"samples\":9", "\"samples\":9.5"),
        with("\"phase\":0", "\"phase\":4294967296"),
        with("\"reason\":\"\"", "\"reason\":" + std::string(1000, '[')),
        with("\"phase\":0", "\"phase\":-2"),
        with("\"phase\":0", "\"phase\":\"0\""),
        with("\"space\":\"0123456789abcdef\"", "\"space\":\"0123456789ABCDEF\""),
        with("kh3", "kh0"),
        with("conv2d.avx2/", "conv2d.avx2 '; DROP TABLE record;"),
        with("\"artifact\":\"\"", "\"artifact\":\"../../kernel.so\""),
        with("\"artifact\":\"\"", "\"artifact\":\"" + std::string(96, 'a') + "\""),
        with("cpu/test/avx2", "cpu\\n/test"),
        with("\"reason\":\"\"", "\"reason\":\"" + std::string(70'000, 'x') + "\""),
        std::string(2'000'000, 'x'),
        std::string("\0\1\2", 3),
    };
    Database to(path("to"));
    std::string all = header;
    for (const std::string &b : bad) all += b + "\n";
    const Imported result = import(to, all + line + "\n");
    EXPECT_EQ(result.added, 1);
    EXPECT_EQ(to.count_records(), 1);
    ASSERT_EQ(result.refused.size(), bad.size());
    for (size_t i = 0; i < bad.size(); i++) {
        expect_sentence(result.refused[i]);
        EXPECT_TRUE(
            result.refused[i].starts_with("'file.jsonl', line " + std::to_string(i + 2) + ": "))
            << result.refused[i];
    }
    EXPECT_TRUE(verify(to).empty());
}

TEST_F(DatabaseTest, ImportRefusesOtherFilesAtTheirFirstLine) {
    Database database(path());
    for (const char *text :
         {"{\"a\": 1}\n{}\n", "hello\nworld\n", "{\"convwright_records\": 2}\n{}\n"}) {
        const Imported result = import(database, text);
        EXPECT_EQ(result.added, 0);
        ASSERT_EQ(result.refused.size(), 1u) << text;
        expect_sentence(result.refused[0]);
    }
    EXPECT_TRUE(import(database, "").refused.empty());
}

TEST_F(DatabaseTest, MergesAnotherFileAndLeavesItAsItIs) {
    {
        Database other(path("other"));
        fill(other);
    }
    const std::string before = file_bytes(path("other"));
    Database database(path());
    database.add(test_record(0));
    database.choose(test_choice(test_key(), "pytorch"));
    const Imported result = merge_database(database, path("other"));
    EXPECT_EQ(result.added, 5);
    EXPECT_EQ(result.present, 2);
    EXPECT_EQ(database.choice(test_key())->candidate, "pytorch");  // the user's own stays
    EXPECT_EQ(file_bytes(path("other")), before);
    expect_sentence(complaint([&] { merge_database(database, path("missing")); }));
}

TEST_F(DatabaseTest, ListsWhatIsKnownOfEveryKey) {
    Database database(path());
    fill(database);
    const std::vector<KeySummary> list = list_keys(database);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].key, test_key(1));
    EXPECT_EQ(list[0].records, 4);
    EXPECT_EQ(list[0].failures, 1);
    EXPECT_EQ(list[0].best, "conv2d.avx2/tile:0");
    EXPECT_EQ(list[0].best_seconds, 1e-3);
    EXPECT_EQ(list[0].chosen, "conv2d.avx2/tile:1");
    EXPECT_EQ(list[1].records, 2);
    EXPECT_EQ(list[1].chosen, "");
}

TEST_F(DatabaseTest, PrunesByEachOfItsRules) {
    const auto left = [&](const PruneRule &rule, int64_t gone) {
        std::filesystem::remove(path());
        Database database(path());
        fill(database);
        SearchKey changed = test_key();
        changed.space = "fedcba9876543210";
        SearchKey older = test_key();
        older.environment.versions = "convwright 0.0.1";
        database.add(test_record(1, changed));
        database.add(test_record(1, older));
        EXPECT_EQ(prune(database, rule), gone);
        EXPECT_TRUE(verify(database).empty());
        EXPECT_TRUE(database.choice(test_key()));
        return database.count_records();
    };
    EXPECT_EQ(left({}, 0), 8);
    PruneRule rule;
    rule.failures = true;
    EXPECT_EQ(left(rule, 1), 7);
    rule = {};
    rule.not_versions = test_key().environment.versions;
    EXPECT_EQ(left(rule, 1), 7);
    rule = {};
    rule.recorded_before = 1002;  // 0 and 1, the latter under three keys
    EXPECT_EQ(left(rule, 4), 4);
    rule = {};
    rule.keep_best = 1;
    EXPECT_EQ(left(rule, 4), 4);
}

TEST_F(DatabaseTest, PrunesOtherVersionsWhateverElseTheyName) {
    Database database(path());
    for (const char *versions : {"a=1", "a=1;torch=2", "a=12", "b=1"}) {
        SearchKey key = test_key();
        key.environment.versions = versions;
        database.add(test_record(1, key));
    }
    PruneRule rule;
    rule.not_versions = "a=1";
    EXPECT_EQ(prune(database, rule), 2);
    for (const Record &record : database.records())
        EXPECT_TRUE(record.key.environment.versions.starts_with("a=1")) << record.candidate;
    EXPECT_EQ(database.count_records(), 2);
}

TEST_F(DatabaseTest, KeepsTheRecordOfWhatWasChosenWhenItPrunes) {
    Database database(path());
    for (int i = 0; i < 5; i++) database.add(test_record(i));
    database.choose(test_choice(test_key(), "conv2d.avx2/tile:4"));
    PruneRule rule;
    rule.keep_best = 2;
    rule.recorded_before = 1001;
    EXPECT_EQ(prune(database, rule), 2);  // 0 for its age, then 3; 4 was chosen
    std::vector<std::string> kept;
    for (const Record &record : database.records()) kept.push_back(record.candidate);
    EXPECT_EQ(kept, (std::vector<std::string>{"conv2d.avx2/tile:1", "conv2d.avx2/tile:2",
                                              "conv2d.avx2/tile:4"}));
}

TEST_F(DatabaseTest, VerifySaysWhatIsWrong) {
    Database database(path());
    fill(database);
    EXPECT_TRUE(verify(database).empty());
    database.connection().run("UPDATE record SET seconds = -1 WHERE id = 2");
    database.connection().run("UPDATE choice SET candidate = 'a b'");
    database.connection().run(
        "PRAGMA foreign_keys = OFF; UPDATE record SET subject = 77 WHERE id = 3");
    const std::vector<std::string> complaints = verify(database);
    EXPECT_EQ(complaints.size(), 3u);
    for (const std::string &text : complaints) expect_sentence(text);
}

}  // namespace
}  // namespace convwright
