// SPDX-License-Identifier: Apache-2.0
#include "runtime/tuned_table.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "autotune/database/tuned_table_writer.h"
#include "runtime/tuned_table_layout.h"
#include "tests/autotune/database/database_fixture.h"

namespace convwright {
namespace {

std::vector<Choice> many_choices(int count) {
    std::vector<Choice> choices;
    for (int i = 0; i < count; i++) {
        SearchKey key = test_key(1 + i);
        key.subject.phase = i % 3;
        choices.push_back(test_choice(key, "conv2d.avx2/tile:" + std::to_string(i)));
    }
    return choices;
}

TunedTable table_of(const std::vector<Choice> &choices) {
    auto table = TunedTable::from_bytes(encode_tuned_table(choices), "t.tuned");
    EXPECT_TRUE(std::holds_alternative<TunedTable>(table));
    return std::get<TunedTable>(std::move(table));
}

TEST(TunedTables, FindWhatWasChosen) {
    const std::vector<Choice> choices = many_choices(500);
    const TunedTable table = table_of(choices);
    EXPECT_EQ(table.size(), 500u);
    for (const Choice &c : choices) {
        const SearchKey &key = c.key;
        const auto found =
            table.find(key.environment.identity, key.subject.problem, key.subject.phase);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->candidate, c.candidate);
        EXPECT_EQ(found->artifact, c.artifact);
        EXPECT_EQ(found->space, key.space);
        EXPECT_EQ(found->device, key.environment.device);
        EXPECT_EQ(found->versions, key.environment.versions);
        EXPECT_EQ(found->seconds, c.seconds);
        EXPECT_FALSE(
            table.find(key.environment.identity, key.subject.problem, key.subject.phase + 3));
        EXPECT_FALSE(table.find("cpu/other/avx2", key.subject.problem, key.subject.phase));
    }
    EXPECT_FALSE(table.find("", "", 0));
    EXPECT_EQ(table_of({}).size(), 0u);
    EXPECT_FALSE(table_of({}).find("cpu/test/avx2", test_key().subject.problem, 0));
}

TEST(TunedTables, TheLastChoiceOfASubjectCounts) {
    const TunedTable table = table_of({test_choice(), test_choice(test_key(), "pytorch")});
    EXPECT_EQ(table.size(), 1u);
    EXPECT_EQ(table.find("cpu/test/avx2", test_key().subject.problem, 0)->candidate, "pytorch");
}

TEST(TunedTables, ThatWereChangedOrCutOffAreRefusedInOneSentence) {
    const std::string bytes = encode_tuned_table(many_choices(20));
    for (size_t i = 0; i < bytes.size(); i += 7) {
        std::string changed = bytes;
        changed[i] = static_cast<char>(changed[i] ^ 0x41);
        const auto table = TunedTable::from_bytes(changed, "t.tuned");
        ASSERT_TRUE(std::holds_alternative<std::string>(table)) << i;
        expect_sentence(std::get<std::string>(table));
    }
    for (size_t size = 0; size < bytes.size(); size += 13) {
        ASSERT_TRUE(std::holds_alternative<std::string>(
            TunedTable::from_bytes(bytes.substr(0, size), "t.tuned")))
            << size;
    }
}

TEST(TunedTables, WithARightChecksumOverWrongPlacesAreRefused) {
    const std::string bytes = encode_tuned_table(many_choices(3));
    const auto changed = [&](auto change) {
        std::string copy = bytes;
        TunedTableHeader header;
        TunedTableEntry entry;
        char *at = copy.data() + sizeof header + sizeof entry;  // the second entry
        std::memcpy(&header, copy.data(), sizeof header);
        std::memcpy(&entry, at, sizeof entry);
        change(header, entry);
        std::memcpy(at, &entry, sizeof entry);
        header.checksum = fnv1a(std::string_view(copy).substr(sizeof header));
        std::memcpy(copy.data(), &header, sizeof header);
        return std::holds_alternative<TunedTable>(TunedTable::from_bytes(copy, "t.tuned"));
    };
    EXPECT_TRUE(changed([](auto &, auto &) {}));
    EXPECT_FALSE(changed([](auto &h, auto &) { h.count = 1'000'000; }));
    EXPECT_FALSE(changed([](auto &h, auto &) { h.count = ~uint64_t{0} / 64; }));
    EXPECT_FALSE(changed([](auto &, auto &e) { e.candidate.first = 0xfffffff0; }));
    EXPECT_FALSE(changed([](auto &, auto &e) { e.artifact.size = 0xffffffff; }));
    EXPECT_FALSE(changed([](auto &, auto &e) { e.problem.size--; }));
    EXPECT_FALSE(changed([](auto &, auto &e) { e.hash ^= uint64_t{1} << 63; }));
    EXPECT_FALSE(changed([](auto &, auto &e) { e.phase++; }));
}

TEST(TunedTables, AnswerInAMicrosecond) {
    const std::vector<Choice> choices = many_choices(10'000);
    const TunedTable table = table_of(choices);
    // Of this thread alone: others may be using the machine.
    const auto seconds = [] {
        timespec time;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    };
    double best = 1;
    for (int run = 0; run < 5; run++) {
        const double start = seconds();
        size_t found = 0;
        for (size_t i = 0; i < choices.size(); i++) {
            const SearchKey &key = choices[i * 7919 % choices.size()].key;
            found += table.find(key.environment.identity, key.subject.problem, key.subject.phase)
                         .has_value();
        }
        best = std::min(best, (seconds() - start) / static_cast<double>(choices.size()));
        EXPECT_EQ(found, choices.size());
    }
    testing::Test::RecordProperty("nanoseconds", static_cast<int>(best * 1e9));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    EXPECT_LT(best, 1e-6);
#endif
}

TEST_F(DatabaseTest, PublishesTheUsersChoicesOverTheShippedOnes) {
    EXPECT_EQ(tuned_table_beside("a.b/records.sqlite"), "a.b/records.tuned");
    EXPECT_EQ(tuned_table_beside("a.b/records"), "a.b/records.tuned");
    {
        Database shipped(path("shipped.sqlite"));
        shipped.choose(test_choice());
        shipped.choose(test_choice(test_key(2), "conv2d.avx2/tile:3"));
    }
    DatabaseOptions options;
    options.shipped = path("shipped.sqlite");
    Database database(path(), options);
    SearchKey newer = test_key();
    newer.environment.versions = "convwright 0.2.0";
    Choice old = test_choice(), fresh = test_choice(newer, "pytorch");
    old.recorded = 10, fresh.recorded = 20;
    database.choose(fresh);
    database.choose(old);
    publish_choices(database);
    const auto table = TunedTable::read(path("records.tuned"));
    ASSERT_TRUE(std::holds_alternative<TunedTable>(table));
    const auto find = [&](int n) {
        return std::get<TunedTable>(table).find("cpu/test/avx2", test_key(n).subject.problem, 0);
    };
    EXPECT_EQ(find(1)->candidate, "pytorch");
    EXPECT_EQ(find(1)->versions, "convwright 0.2.0");
    EXPECT_EQ(find(2)->candidate, "conv2d.avx2/tile:3");
    // A clock that was ahead when it recorded does not speak for ever.
    old.recorded = now_seconds() + 3600;
    database.choose(old);
    publish_choices(database);
    const auto later = TunedTable::read(path("records.tuned"));
    ASSERT_TRUE(std::holds_alternative<TunedTable>(later));
    EXPECT_EQ(std::get<TunedTable>(later)
                  .find("cpu/test/avx2", test_key(1).subject.problem, 0)
                  ->candidate,
              "pytorch");
    EXPECT_FALSE(std::filesystem::exists(path("records.tuned.new")));
}

TEST_F(DatabaseTest, ATableIsReplacedAsAWholeWhileOthersReadIt) {
    Database database(path());
    database.choose(test_choice());
    publish_choices(database);
    const pid_t writer = fork();
    if (writer == 0) {
        Database own(path());
        for (int i = 0; i < 50; i++) {
            own.choose(test_choice(test_key(2 + i)));
            publish_choices(own);
        }
        _exit(0);
    }
    uint64_t last = 0;
    int reads = 0;
    for (int status = 0; waitpid(writer, &status, WNOHANG) == 0; reads++) {
        const auto table = TunedTable::read(path("records.tuned"));
        ASSERT_TRUE(std::holds_alternative<TunedTable>(table)) << std::get<std::string>(table);
        ASSERT_GE(std::get<TunedTable>(table).size(), last);
        last = std::get<TunedTable>(table).size();
    }
    EXPECT_GT(reads, 10);
    EXPECT_EQ(std::get<TunedTable>(TunedTable::read(path("records.tuned"))).size(), 51u);
}

TEST_F(DatabaseTest, ATableThatCannotBeReadOrWrittenGetsASentence) {
    const auto missing = TunedTable::read(path("missing.tuned"));
    ASSERT_TRUE(std::holds_alternative<std::string>(missing));
    expect_sentence(std::get<std::string>(missing));
    std::filesystem::create_directory(path("folder.tuned"));
    ASSERT_EQ(mkfifo(path("pipe.tuned").c_str(), 0600), 0);
    write_bytes(path("large.tuned"), "");
    std::filesystem::resize_file(path("large.tuned"), uint64_t{1} << 40);  // none of it on the disk
    for (const char *name : {"folder.tuned", "pipe.tuned", "large.tuned"}) {
        const auto table = TunedTable::read(path(name));
        ASSERT_TRUE(std::holds_alternative<std::string>(table)) << name;
        expect_sentence(std::get<std::string>(table));
    }
    Database database(path());
    database.choose(test_choice());
    std::filesystem::create_directory(path("records.tuned"));  // in its way
    expect_sentence(complaint([&] { publish_choices(database); }));
    EXPECT_TRUE(database.choice(test_key()));
}

}  // namespace
}  // namespace convwright
