// SPDX-License-Identifier: Apache-2.0
// What a user meets when a database cannot be used: one sentence, and nothing lost.
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "autotune/database/file_system.h"
#include "autotune/database/schema.h"
#include "autotune/database/sqlite.h"
#include "autotune/random.h"
#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

namespace fs = std::filesystem;
using Kind = DatabaseError::Kind;

/// A closed database of `count` records and a choice, all in its main file.
void make_database(const std::string &path, int count) {
    Database database(path);
    std::vector<Record> records;
    for (int i = 0; i < count; i++) records.push_back(test_record(i, test_key(1 + i / 50)));
    add_all(database, records);
    database.choose(test_choice());
}

/// Opens a damaged file and expects that it was moved aside, byte for byte, with a sentence; the
/// number of records that were kept.
int64_t expect_salvaged(const std::string &path) {
    const std::string damaged = file_bytes(path);
    Database database(path);
    EXPECT_EQ(database.notices().size(), 1u);
    if (database.notices().empty()) return -1;
    const std::string &notice = database.notices()[0];
    expect_sentence(notice);
    EXPECT_NE(notice.find("moved to '" + path + ".damaged-1'"), std::string::npos) << notice;
    EXPECT_NE(notice.find(std::to_string(database.count_records()) + " records"), std::string::npos)
        << notice;
    EXPECT_EQ(file_bytes(path + ".damaged-1"), damaged);
    EXPECT_FALSE(fs::exists(path + ".copy"));
    EXPECT_FALSE(fs::exists(path + ".salvaged"));
    // It can be used again.
    EXPECT_TRUE(database.add(test_record(100'000)));
    for (const Record &record : database.records()) EXPECT_EQ(why_no_record(record), std::nullopt);
    return database.count_records() - 1;
}

TEST_F(DatabaseTest, OfANewerVersionIsLeftAlone) {
    make_database(path(), 1);
    SqliteConnection(path(), SQLITE_OPEN_READWRITE, 0)
        .run("PRAGMA user_version = " + std::to_string(kDatabaseVersion + 1));
    const std::string before = file_bytes(path());
    Kind kind{};
    const std::string text = complaint([&] { Database{path()}; }, &kind);
    EXPECT_EQ(kind, Kind::kNewer);
    expect_sentence(text);
    const std::string versions = "is of version " + std::to_string(kDatabaseVersion + 1) +
                                 " and this Convwright reads up to " +
                                 std::to_string(kDatabaseVersion) + "; use a newer";
    EXPECT_NE(text.find(versions), std::string::npos) << text;
    EXPECT_EQ(file_bytes(path()), before);
}

TEST_F(DatabaseTest, OfAnotherProgramIsLeftAlone) {
    SqliteConnection(path(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0)
        .run("CREATE TABLE letters(text)");
    write_bytes(path("notes.txt"), "Dear reader,\n" + std::string(5000, 'x'));
    for (const std::string &file : {path(), path("notes.txt")}) {
        const std::string before = file_bytes(file);
        Kind kind{};
        expect_sentence(complaint([&] { Database{file}; }, &kind));
        EXPECT_EQ(kind, Kind::kForeign);
        EXPECT_EQ(file_bytes(file), before);
        EXPECT_FALSE(fs::exists(file + ".damaged-1"));
    }
}

TEST_F(DatabaseTest, ThatIsAFolderOrHasNoneGetsASentence) {
    fs::create_directory(path("folder"));
    write_bytes(path("file"), "");
    for (const std::string &name : {path("folder"), path("file") + "/records.sqlite"}) {
        Kind kind{};
        expect_sentence(complaint([&] { Database{name}; }, &kind));
        EXPECT_EQ(kind, Kind::kCannotOpen);
    }
    EXPECT_EQ(complaint([&] { Database{path("new/folders") + "/records.sqlite"}; }), "");
}

TEST_F(DatabaseTest, WithADamagedPageIsMovedAsideAndTheRestKept) {
    make_database(path(), 2000);
    std::string bytes = file_bytes(path());
    // Pages in the middle: leaves and inner pages of tables and indices.
    for (size_t page = 20; page < 23; page++) {
        for (size_t i = 0; i < kPageBytes; i++) bytes[page * kPageBytes + i] = '\x5a';
    }
    write_bytes(path(), bytes);
    const int64_t kept = expect_salvaged(path());
    EXPECT_GT(kept, 1800);
    EXPECT_LT(kept, 2000);
}

TEST_F(DatabaseTest, ThatWasCutOffIsMovedAsideAndTheRestKept) {
    make_database(path(), 2000);
    const std::string bytes = file_bytes(path());
    write_bytes(path(), bytes.substr(0, bytes.size() / 2 / kPageBytes * kPageBytes));
    const int64_t kept = expect_salvaged(path());
    EXPECT_GT(kept, 500);
    EXPECT_LT(kept, 2000);
}

TEST_F(DatabaseTest, WhoseHeaderIsOverwrittenLosesNothing) {
    make_database(path(), 300);
    std::string bytes = file_bytes(path());
    bytes.replace(0, 100, std::string(100, 'Z'));
    write_bytes(path(), bytes);
    EXPECT_EQ(expect_salvaged(path()), 300);
    const std::optional<Choice> choice = Database(path()).choice(test_key());
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->finals, test_choice().finals);
}

TEST_F(DatabaseTest, OfZerosIsMovedAside) {
    write_bytes(path(), std::string(8192, '\0'));
    EXPECT_EQ(expect_salvaged(path()), 0);
}

TEST_F(DatabaseTest, DamagedAnywhereIsReadOrRepairedAndNeverCrashes) {
    make_database(path("whole"), 400);
    const std::string whole = file_bytes(path("whole"));
    Random random(7);
    int repaired = 0;
    for (int round = 0; round < 30; round++) {
        std::string bytes = whole;
        const size_t begin = random.below(bytes.size()), length = 1 + random.below(600);
        for (size_t i = begin; i < std::min(bytes.size(), begin + length); i++) {
            bytes[i] = static_cast<char>(random.next());
        }
        const std::string file = path("round" + std::to_string(round));
        write_bytes(file, bytes);
        try {
            Database database(file);
            repaired += !database.notices().empty();
            EXPECT_LE(database.count_records(), 400);
            database.add(test_record(100'000));
        } catch (const DatabaseError &error) {
            expect_sentence(error.what());
            // Only a header that says something else of itself is refused, or damage in a record that
            // is seen later.
            EXPECT_NE(error.kind(), Kind::kFull);
            EXPECT_NE(error.kind(), Kind::kBusy);
        }
    }
    EXPECT_GT(repaired, 5);
}

TEST_F(DatabaseTest, WhoseRepairWasEndedBetweenItsJournalAndTheFileLosesNothing) {
    // All 300 records were read while the log was beside the file, which has 10 of them without it.
    make_database(path(), 10);
    make_database(path() + ".salvaged", 300);
    std::string bytes = file_bytes(path());
    bytes.replace(0, 100, std::string(100, 'Z'));
    write_bytes(path(), bytes);
    write_bytes(path() + ".damaged-1-wal", "the log");
    Database database(path());
    EXPECT_EQ(database.count_records(), 300);
    ASSERT_EQ(database.notices().size(), 1u);
    expect_sentence(database.notices()[0]);
    EXPECT_EQ(file_bytes(path() + ".damaged-1"), bytes);
    EXPECT_EQ(file_bytes(path() + ".damaged-1-wal"), "the log");
    EXPECT_FALSE(fs::exists(path() + ".salvaged"));
}

TEST_F(DatabaseTest, WhoseSalvageWasCutOffIsReadAgain) {
    make_database(path() + ".salvaging", 10);
    make_database(path(), 300);
    std::string bytes = file_bytes(path());
    bytes.replace(0, 100, std::string(100, 'Z'));
    write_bytes(path(), bytes);
    EXPECT_EQ(expect_salvaged(path()), 300);
    EXPECT_FALSE(fs::exists(path() + ".salvaging"));
}

TEST_F(DatabaseTest, InterruptedBetweenTheTwoStepsOfARepairIsFound) {
    make_database(path(), 30);
    fs::rename(path(), path() + ".salvaged");
    EXPECT_EQ(Database(path()).count_records(), 30);
    EXPECT_FALSE(fs::exists(path() + ".salvaged"));
}

TEST_F(DatabaseTest, RepairedByTwoProcessesAtOnceIsRepairedOnce) {
    make_database(path(), 200);
    std::string bytes = file_bytes(path());
    bytes.replace(0, 100, std::string(100, 'Z'));
    write_bytes(path(), bytes);
    std::vector<pid_t> children;
    for (int p = 0; p < 4; p++) {
        const pid_t child = fork();
        if (child == 0) {
            try {
                Database database(path());
                _exit(database.count_records() == 200 ? static_cast<int>(database.notices().size())
                                                      : 100);
            } catch (const std::exception &error) {
                std::fprintf(stderr, "child: %s\n", error.what());
                _exit(200);
            }
        }
        children.push_back(child);
    }
    int notices = 0;
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        notices += WEXITSTATUS(status);
    }
    EXPECT_EQ(notices, 1);
    EXPECT_FALSE(fs::exists(path() + ".damaged-2"));
}

TEST_F(DatabaseTest, ThatCannotBeWrittenGetsASentenceAndCanBeRead) {
    make_database(path(), 5);
    const int status = in_child([&] {
        // Permissions do not bind root.
        chmod(path().c_str(), 0444);
        chmod(folder().c_str(), 0555);
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return kCannotTest;
        Kind kind{};
        const std::string text = complaint([&] { Database{path()}; }, &kind);
        if (kind != Kind::kReadOnly || text.find("cannot be written") == std::string::npos) {
            std::fprintf(stderr, "%s\n", text.c_str());
            return 1;
        }
        DatabaseOptions options;
        options.shipped = path();
        options.read_only = true;
        return 0;
    });
    chmod(folder().c_str(), 0755);
    if (status == kCannotTest) GTEST_SKIP() << "This process cannot give up its rights.";
    EXPECT_EQ(status, 0);
    DatabaseOptions options;
    options.read_only = true;
    Database database(path(), options);
    EXPECT_EQ(database.count_records(), 5);
    Kind kind{};
    expect_sentence(complaint([&] { database.add(test_record(50)); }, &kind));
    EXPECT_EQ(kind, Kind::kReadOnly);
}

/// Adds records until there is no space; all that add() took are there afterwards.
void expect_nothing_lost_when_full(const std::string &path, const DatabaseOptions &options) {
    int added = 0;
    Kind kind{};
    std::string text;
    {
        Database database(path, options);
        text = complaint(
            [&] {
                for (; added < 100'000; added++) {
                    Record record = test_record(added);
                    record.result = {Outcome::kBuildFailed, 0, 0, 0, std::string(3000, 'x'), ""};
                    database.add(record);
                }
            },
            &kind);
    }
    EXPECT_EQ(kind, Kind::kFull) << text;
    expect_sentence(text);
    EXPECT_GT(added, 10);
    DatabaseOptions read;
    read.read_only = true;
    EXPECT_EQ(Database(path, read).count_records(), added);
}

TEST_F(DatabaseTest, ThatIsFullGetsASentenceAndLosesNothing) {
    DatabaseOptions options;
    options.most_pages = 60;
    expect_nothing_lost_when_full(path(), options);
    Database larger(path());  // as if space had been freed
    EXPECT_TRUE(larger.add(test_record(100'000)));
}

TEST_F(DatabaseTest, OnAFullDiskGetsASentenceAndLosesNothing) {
    const int status = in_child([&] {
        // A disk of one megabyte that only this process sees.
        if (unshare(CLONE_NEWNS) != 0 ||
            mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            mount("tmpfs", folder().c_str(), "tmpfs", 0, "size=1m") != 0) {
            return kCannotTest;
        }
        expect_nothing_lost_when_full(path(), {});
        return testing::Test::HasFailure() ? 1 : 0;
    });
    if (status == kCannotTest) GTEST_SKIP() << "This process cannot mount a small disk.";
    EXPECT_EQ(status, 0);
}

TEST_F(DatabaseTest, BehindALimitOfTheFileSizeGetsASentenceAndLosesNothing) {
    const int status = in_child([&] {
        { Database made(path()); }
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{500'000, 500'000};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return kCannotTest;
        expect_nothing_lost_when_full(path(), {});
        return testing::Test::HasFailure() ? 1 : 0;
    });
    if (status == kCannotTest) GTEST_SKIP() << "There are no limits here.";
    EXPECT_EQ(status, 0);
}

TEST_F(DatabaseTest, OnAFileSystemWithoutLocksIsRefused) {
    DatabaseOptions options;
    options.lock_probe = [](const std::string &) {
        return std::string("a file in it cannot be locked: No locks available");
    };
    Kind kind{};
    const std::string text = complaint([&] { Database(path(), options); }, &kind);
    EXPECT_EQ(kind, Kind::kNoLocks);
    expect_sentence(text);
    EXPECT_NE(text.find("has no working locks (a file in it cannot be locked: No locks"),
              std::string::npos)
        << text;
}

TEST_F(DatabaseTest, LocksAreTriedOutOnTheFolder) {
    EXPECT_EQ(why_no_locks(folder()), "");
    EXPECT_TRUE(fs::is_empty(folder()));
    EXPECT_NE(why_no_locks(path("missing")).find("cannot be made"), std::string::npos);
    EXPECT_FALSE(is_shared_file_system(folder()));
    EXPECT_EQ(folder_of("a/b.sqlite"), "a");
    EXPECT_EQ(folder_of("b.sqlite"), ".");
    EXPECT_EQ(folder_of("/b.sqlite"), "/");
}

TEST_F(DatabaseTest, ThatAnotherProcessHoldsGetsASentence) {
    make_database(path(), 1);
    SqliteConnection holder(path(), SQLITE_OPEN_READWRITE, 0);
    holder.run("BEGIN IMMEDIATE");
    DatabaseOptions options;
    options.busy_milliseconds = 50;
    Database database(path(), options);
    Kind kind{};
    expect_sentence(complaint([&] { database.add(test_record(7)); }, &kind));
    EXPECT_EQ(kind, Kind::kBusy);
    holder.run("COMMIT");
    EXPECT_TRUE(database.add(test_record(7)));
}

}  // namespace
}  // namespace convwright
