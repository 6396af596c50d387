// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/classification_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <random>

#include "tests/runtime/multipliers/example_tables.h"
#include "tests/seed.h"
#include "tests/temporary_folder.h"

namespace convwright {
namespace {

std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_same(const DigitProduct &p, const DigitProduct &q) {
    return p.activation == q.activation && p.weight == q.weight && p.shift == q.shift;
}

void expect_same(const Classification &a, const Classification &b) {
    EXPECT_EQ(describe(a), describe(b));
    EXPECT_EQ(a.table_cost, b.table_cost);
    EXPECT_EQ(a.low_rank.rank, b.low_rank.rank);
    EXPECT_EQ(a.low_rank.error_table, b.low_rank.error_table);
    EXPECT_TRUE(std::equal(a.low_rank.terms.begin(), a.low_rank.terms.end(),
                           b.low_rank.terms.begin(), b.low_rank.terms.end(), is_same));
    EXPECT_EQ(a.transform.activation, b.transform.activation);
    EXPECT_EQ(a.transform.weight, b.transform.weight);
    EXPECT_EQ(a.transform.shift, b.transform.shift);
}

TEST(ClassificationCache, EveryClassComesBack) {
    const TemporaryFolder folder;
    const std::string cache = folder.path() + "/not/yet";
    for (const bool is_signed : {false, true}) {
        for (const Table8 &table :
             {table_of(is_signed, [](int, int) { return 0; }),
              table_of(is_signed, [](int a, int b) { return a * b; }),
              magnitude_table(is_signed, drum(4)), magnitude_table(is_signed, truncated(4)),
              magnitude_table(is_signed, roba), magnitude_table(is_signed, mbm())}) {
            EXPECT_FALSE(load_classification(cache, table));
            const Classification c = classify_cached(cache, table);
            const auto loaded = load_classification(cache, table);
            ASSERT_TRUE(loaded) << describe(c);
            expect_same(*loaded, c);
            expect_same(classify_cached(cache, table), c);
        }
    }
    // One file for each table, no temporary one.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(cache), {}), 12);
}

TEST(ClassificationCache, CostsAreKeptApart) {
    const TemporaryFolder folder;
    const Table8 table = magnitude_table(true, roba);
    EXPECT_EQ(classify_cached(folder.path(), table, 1).kind, TableClass::kTable);
    EXPECT_FALSE(load_classification(folder.path(), table));
    EXPECT_EQ(classify_cached(folder.path(), table).kind, TableClass::kLowRank);
    EXPECT_EQ(load_classification(folder.path(), table, 1)->kind, TableClass::kTable);
}

TEST(ClassificationCache, CorruptFilesAreIgnoredAndRewritten) {
    const TemporaryFolder folder;
    const Table8 table = magnitude_table(false, drum(5));
    const Classification c = classify_cached(folder.path(), table);
    const std::string path = classification_path(folder.path(), table, kTableCost);
    const std::string name = std::filesystem::path(path).filename(), good = read(path);
    std::vector<std::string> bad = {"",
                                    "x",
                                    "CWTABLE8",
                                    good.substr(0, good.size() - 1),
                                    good + "x",
                                    std::string(1000000, 'x'),
                                    good.substr(0, 100)};
    std::mt19937 random(test_seed());
    for (int i = 0; i < 200; i++) {
        bad.push_back(good);
        bad.back()[random() % good.size()] ^= static_cast<char>(1 << random() % 8);
    }
    for (const std::string &bytes : bad) {
        folder.write(name, bytes);
        EXPECT_FALSE(load_classification(folder.path(), table));
    }
    expect_same(classify_cached(folder.path(), table), c);
    EXPECT_EQ(read(path), good);
}

/// The bytes with another byte at `at` and the checksum that makes them look right.
std::string forged(std::string bytes, size_t at, char byte) {
    bytes[at] = byte;
    bytes.resize(bytes.size() - 8);
    const uint64_t sum = fnv1a(bytes.data(), bytes.size());
    for (int i = 0; i < 8; i++) bytes += static_cast<char>(sum >> (8 * i));
    return bytes;
}

TEST(ClassificationCache, ForgedFilesMakeNoWrongProduct) {
    const TemporaryFolder folder;
    const Table8 table = magnitude_table(true, roba);
    classify_cached(folder.path(), table);
    const std::string path = classification_path(folder.path(), table, kTableCost);
    const std::string name = std::filesystem::path(path).filename(), good = read(path);
    folder.write(name, forged(good, 0, good[0]));
    EXPECT_TRUE(load_classification(folder.path(), table));
    std::mt19937 random(test_seed());
    for (size_t i = 0; i < 500; i++) {
        const size_t at = i < 44 ? i : random() % (good.size() - 8);
        folder.write(name, forged(good, at, static_cast<char>(good[at] + 1 + random() % 255)));
        const auto c = load_classification(folder.path(), table);
        if (c) {
            EXPECT_EQ(why_wrong(*c, table), nullptr) << at;
        }
    }
}

TEST(ClassificationCache, AnotherTableUnderTheSameNameIsRefused) {
    // As if both had the same hash: the file of one carries name and hash of the other.
    const TemporaryFolder folder;
    const Table8 table = magnitude_table(true, truncated(3)), other = magnitude_table(true, ama5);
    const Classification right = classify_cached(folder.path(), table);
    classify_cached(folder.path(), other);
    const std::string path = classification_path(folder.path(), table, kTableCost);
    std::string bytes = read(classification_path(folder.path(), other, kTableCost));
    constexpr size_t kHashAt = 8 + 6 * 4;
    bytes.replace(kHashAt, 8, read(path), kHashAt, 8);
    bytes = forged(bytes, 0, bytes[0]);
    folder.write(std::filesystem::path(path).filename(), bytes);
    EXPECT_FALSE(load_classification(folder.path(), table));
    expect_same(classify_cached(folder.path(), table), right);
    EXPECT_TRUE(load_classification(folder.path(), table));
}

TEST(ClassificationCache, ADiskThatRefusesCostsTimeOnly) {
    const TemporaryFolder folder;
    const std::string file = folder.write("file", "");
    const Table8 table = magnitude_table(true, roba);
    EXPECT_FALSE(store_classification(file, table, classify(table)));
    EXPECT_EQ(classify_cached(file, table).kind, TableClass::kLowRank);
    EXPECT_EQ(classify_cached("/proc/convwright", table).kind, TableClass::kLowRank);
}

}  // namespace
}  // namespace convwright
