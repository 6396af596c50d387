// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/database.h"

#include <chrono>
#include <thread>

#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

/// Fields that tell two records apart.
std::string text_of(const Record &r) {
    return r.key.subject.problem + "|" + std::to_string(r.key.subject.phase) + "|" + r.key.space +
           "|" + r.key.environment.identity + "|" + r.key.environment.device + "|" +
           r.key.environment.versions + "|" + r.candidate + "|" + outcome_name(r.result.outcome) +
           "|" + std::to_string(r.result.seconds) + "|" + std::to_string(r.result.spread) + "|" +
           std::to_string(r.result.samples) + "|" + r.result.reason + "|" + r.result.artifact +
           "|" + std::to_string(r.recorded);
}

TEST_F(DatabaseTest, KeepsWhatWasAdded) {
    Record failed = test_record(2);
    failed.result = {Outcome::kCrashed, 0, 0, 0, "It crashed: 'signal 11'.", std::string(64, 'b')};
    {
        Database database(path());
        EXPECT_TRUE(database.add(test_record(1)));
        EXPECT_TRUE(database.add(failed));
        EXPECT_TRUE(database.notices().empty());
    }
    Database database(path());
    const std::vector<Record> all = database.records();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(text_of(all[0]), text_of(test_record(1)));
    EXPECT_EQ(text_of(all[1]), text_of(failed));
    EXPECT_EQ(text_of(database.find(test_key(), failed.candidate).value()), text_of(failed));
    EXPECT_EQ(database.find(test_key(), "conv2d.avx2/tile:9"), std::nullopt);
}

TEST_F(DatabaseTest, HasOneRecordOfACandidateAndTheFirstStays) {
    Database database(path());
    EXPECT_TRUE(database.add(test_record(1)));
    Record again = test_record(1);
    again.result.seconds = 7;
    EXPECT_FALSE(database.add(again));
    EXPECT_EQ(database.find(test_key(), again.candidate)->result.seconds, 2e-3);
    EXPECT_EQ(database.count_records(), 1);
}

TEST_F(DatabaseTest, ForgetsAFailureButNothingElse) {
    Database database(path());
    Record failed = test_record(1);
    failed.result = {Outcome::kLaunchFailed, 0, 0, 0, "It could not be timed.", ""};
    database.add(failed);
    database.add(test_record(2));
    EXPECT_FALSE(database.forget_failure(test_key(), test_record(2).candidate));
    EXPECT_FALSE(database.forget_failure(test_key(2), failed.candidate));
    EXPECT_EQ(database.count_records(), 2);
    EXPECT_TRUE(database.forget_failure(test_key(), failed.candidate));
    EXPECT_FALSE(database.forget_failure(test_key(), failed.candidate));
    EXPECT_EQ(Database(path()).count_records(), 1);
}

TEST_F(DatabaseTest, TellsKeysApartByEachOfTheirFields) {
    Database database(path());
    std::vector<SearchKey> keys(7, test_key());
    keys[1].subject.problem = test_key(2).subject.problem;
    keys[2].subject.phase = 1;
    keys[3].space = "fedcba9876543210";
    keys[4].environment.identity = "cpu/other/avx2";
    keys[5].environment.device = "cores=4";
    keys[6].environment.versions = "convwright 0.2.0";
    for (const SearchKey &key : keys) {
        EXPECT_EQ(database.find(key, test_record(1).candidate), std::nullopt);
        EXPECT_TRUE(database.add(test_record(1, key)));
    }
    EXPECT_EQ(database.count_records(), 7);
}

TEST_F(DatabaseTest, AnswersForTheIdentityAndSpaceAndPrefersTheEnvironment) {
    Database database(path());
    SearchKey other = test_key();
    other.environment.versions = "convwright 0.2.0";
    EXPECT_EQ(database.choice(test_key()), std::nullopt);
    database.choose(test_choice());
    EXPECT_EQ(database.choice(other)->key, test_key());  // to be measured again
    Choice newer = test_choice(other, "conv2d.avx2/tile:2");
    newer.recorded = 6000;
    database.choose(newer);
    EXPECT_EQ(database.choice(test_key())->candidate, "conv2d.avx2/tile:1");
    EXPECT_EQ(database.choice(other)->candidate, "conv2d.avx2/tile:2");
    EXPECT_EQ(database.choice(other)->finals, newer.finals);
    SearchKey third = test_key();
    third.environment.device = "cores=64";
    EXPECT_EQ(database.choice(third)->candidate, "conv2d.avx2/tile:2");  // the newest

    SearchKey elsewhere = test_key();
    elsewhere.environment.identity = "cpu/other/avx2";
    EXPECT_EQ(database.choice(elsewhere), std::nullopt);
    SearchKey changed = test_key();
    changed.space = "fedcba9876543210";
    EXPECT_EQ(database.choice(changed), std::nullopt);
}

TEST_F(DatabaseTest, AChoiceReplacesTheEarlierOneOfItsKey) {
    Database database(path());
    database.choose(test_choice());
    database.choose(test_choice(test_key(), "pytorch"));
    EXPECT_EQ(database.choices().size(), 1u);
    EXPECT_EQ(database.choice(test_key())->candidate, "pytorch");
    EXPECT_EQ(database.choice(test_key())->finals.size(), 2u);
}

TEST_F(DatabaseTest, LiesOverTheShippedOneAndLeavesItAsItIs) {
    {
        Database shipped(path("shipped.sqlite"));
        shipped.add(test_record(1));
        Record both = test_record(2);
        both.result.seconds = 9;
        shipped.add(both);
        shipped.choose(test_choice());
    }
    const std::string before = file_bytes(path("shipped.sqlite"));
    DatabaseOptions options;
    options.shipped = path("shipped.sqlite");
    Database database(path(), options);
    database.add(test_record(2));
    EXPECT_EQ(database.find(test_key(), test_record(1).candidate)->result.seconds, 2e-3);
    EXPECT_EQ(database.find(test_key(), test_record(2).candidate)->result.seconds, 3e-3);
    EXPECT_EQ(database.try_claim(test_key(), test_record(1).candidate, 60), Claim::kRecorded);
    EXPECT_EQ(database.choice(test_key())->candidate, "conv2d.avx2/tile:1");
    database.choose(test_choice(test_key(), "pytorch"));
    EXPECT_EQ(database.choice(test_key())->candidate, "pytorch");
    EXPECT_EQ(database.records().size(), 1u);
    EXPECT_EQ(database.records(nullptr, true).size(), 2u);
    EXPECT_EQ(file_bytes(path("shipped.sqlite")), before);
}

TEST_F(DatabaseTest, WhatWasGoodElsewhereIsASeedByItsRank) {
    Database database(path());
    for (const int number : {1, 2, 3}) database.add(test_record(number));  // of this key: no seed
    for (const int number : {7, 5, 6}) {
        database.add(test_record(number, test_key(1, "gpu/fast/sms=1")));
    }
    SearchKey changed = test_key();
    changed.space = "fedcba9876543210";
    for (const int number : {50, 6}) database.add(test_record(number, changed));
    database.add(test_record(8, test_key(2, "gpu/fast/sms=1")));  // another problem
    Record failed = test_record(0, changed);
    failed.result = {Outcome::kCrashed, 0, 0, 0, "It crashed.", ""};
    database.add(failed);
    using Texts = std::vector<std::string>;
    EXPECT_EQ(database.elsewhere(test_key(), 3),
              (Texts{"conv2d.avx2/tile:5", "conv2d.avx2/tile:6", "conv2d.avx2/tile:50"}));
    EXPECT_EQ(database.elsewhere(test_key(), 1), (Texts{"conv2d.avx2/tile:5"}));
    EXPECT_EQ(database.elsewhere(test_key(3), 3), Texts{});
}

TEST_F(DatabaseTest, AClaimKeepsOtherProcessesOffUntilItsHolderIsDone) {
    Database database(path());
    const std::string candidate = test_record(1).candidate;
    EXPECT_EQ(database.try_claim(test_key(), candidate, 60), Claim::kMine);
    EXPECT_EQ(database.try_claim(test_key(), candidate, 60), Claim::kMine);
    const auto in_other = [&](Claim expected) {
        return in_child([&] {
            Database other(path());
            return other.try_claim(test_key(), candidate, 60) == expected ? 0 : 1;
        });
    };
    EXPECT_EQ(in_other(Claim::kOthers), 0);
    database.drop_claim(test_key(), candidate);
    EXPECT_EQ(in_other(Claim::kMine), 0);
    // That process has ended without a record: its claim is worth nothing.
    EXPECT_EQ(database.try_claim(test_key(), candidate, 60), Claim::kMine);
    EXPECT_TRUE(database.add(test_record(1)));
    EXPECT_EQ(in_other(Claim::kRecorded), 0);
    EXPECT_EQ(database.try_claim(test_key(), candidate, 60), Claim::kRecorded);
}

TEST_F(DatabaseTest, AClaimWhoseLeaseIsOverIsTakenOver) {
    Database database(path());
    const std::string candidate = test_record(1).candidate;
    EXPECT_EQ(database.try_claim(test_key(), candidate, -1), Claim::kMine);
    EXPECT_EQ(in_child([&] {
                  Database other(path());
                  return other.try_claim(test_key(), candidate, 60) == Claim::kMine ? 0 : 1;
              }),
              0);
}

TEST_F(DatabaseTest, AClockThatIsSetBackHoldsNoClaimForever) {
    Database database(path());
    const std::string candidate = test_record(1).candidate;
    constexpr int64_t kDay = 24 * 3600;
    EXPECT_EQ(database.try_claim(test_key(), candidate, kDay), Claim::kMine);
    EXPECT_EQ(in_child([&] {
                  Database other(path());
                  return other.try_claim(test_key(), candidate, 60) == Claim::kMine ? 0 : 1;
              }),
              0);
    // Whose trial was interrupted so: its result counts if it is the first one.
    EXPECT_TRUE(database.add(test_record(1)));
    EXPECT_EQ(database.try_claim(test_key(), candidate, 60), Claim::kRecorded);
}

TEST_F(DatabaseTest, ManyProcessesWriteAtOnceAndNothingIsLostOrDoubled) {
    constexpr int kProcesses = 4, kRecords = 40;
    std::vector<pid_t> children;
    for (int p = 0; p < kProcesses; p++) {
        const pid_t child = fork();
        if (child == 0) {
            try {
                Database database(path());  // the first one makes it
                int added = 0;
                for (int i = 0; i < kRecords; i++) added += database.add(test_record(i));
                for (int i = 0; i < 10; i++) database.add(test_record(1000 + 10 * p + i));
                _exit(added);
            } catch (const std::exception &error) {
                std::fprintf(stderr, "child: %s\n", error.what());
                _exit(200);
            }
        }
        children.push_back(child);
    }
    int added = 0;
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFEXITED(status));
        ASSERT_LE(WEXITSTATUS(status), kRecords);
        added += WEXITSTATUS(status);
    }
    EXPECT_EQ(added, kRecords);  // each by one process
    EXPECT_EQ(Database(path()).count_records(), kRecords + kProcesses * 10);
}

TEST_F(DatabaseTest, OpensTenThousandRecordsInTwentyMilliseconds) {
    {
        Database database(path());
        std::vector<Record> records;
        for (int i = 0; i < 10'000; i++) records.push_back(test_record(i, test_key(1 + i / 100)));
        add_all(database, records);
    }
    double best = 1;
    for (int run = 0; run < 5; run++) {
        const auto start = std::chrono::steady_clock::now();
        Database database(path());
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        best = std::min(best, seconds.count());
        EXPECT_EQ(database.count_records(), 10'000);
    }
    RecordProperty("open_microseconds", static_cast<int>(best * 1e6));
    EXPECT_LT(best, 0.020);
}

}  // namespace
}  // namespace convwright
