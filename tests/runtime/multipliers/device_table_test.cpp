// SPDX-License-Identifier: Apache-2.0
// Tables as CUDA kernels take them: what the words say is the table, entry by entry.
#include "runtime/multipliers/device_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "runtime/multipliers/multiplier.h"
#include "tests/runtime/multipliers/example_tables.h"
#include "tests/seed.h"

namespace convwright {
namespace {

DeviceTable made(const Table8 &table) {
    return device_table(table, classify(table, kDeviceTableCost));
}

/// The product of two operand bytes as kernels form it.
int32_t product(const DeviceTable &d, size_t a, size_t w) {
    const int32_t *words = d.words.data();
    if (d.product == "table16") {
        const auto *entries = reinterpret_cast<const uint16_t *>(words + d.entries());
        return entries[w * 256 + a] + d.least;
    }
    if (d.product == "table32") return words[d.entries() + static_cast<int64_t>(w * 256 + a)];
    uint32_t sum = 0;
    for (int64_t t = 0; t < d.terms; t++) {
        const auto *u = reinterpret_cast<const uint8_t *>(words + 64 * t);
        const auto *v = reinterpret_cast<const uint8_t *>(words + d.weight_maps() + 64 * t);
        const bool is_signed = d.product == "dot_s8";
        const int x = is_signed ? static_cast<int8_t>(u[a]) : u[a];
        const int y = is_signed ? static_cast<int8_t>(v[w]) : v[w];
        sum = (sum << words[d.steps() + t]) + static_cast<uint32_t>(x * y);
    }
    return static_cast<int32_t>(sum << d.last_shift);
}

/// The product's name, if the words say the table.
std::string checked(const Table8 &table) {
    const DeviceTable d = made(table);
    for (size_t a = 0; a < 256; a++) {
        for (size_t w = 0; w < 256; w++) {
            if (product(d, a, w) == table.values[a * 256 + w]) continue;
            return "product(" + std::to_string(a) + ", " + std::to_string(w) + ") is " +
                   std::to_string(product(d, a, w));
        }
    }
    return d.product;
}

Table8 of(Model model, int parameter, NumberFormat format) {
    return {format == NumberFormat::kInt8, product_table({model, parameter}, format)};
}

TEST(DeviceTable, OfRankOneIsOneTerm) {
    EXPECT_EQ(checked(of(Model::kExact, 0, NumberFormat::kInt8)), "dot_s8");
    EXPECT_EQ(checked(of(Model::kExact, 0, NumberFormat::kUint8)), "dot_u8");
    EXPECT_EQ(checked(of(Model::kDrum, 4, NumberFormat::kUint8)), "dot_u8");
    EXPECT_EQ(checked(table_of(false, truncated(2))), "dot_u8");
    EXPECT_EQ(checked(table_of(true, [](int a, int b) { return (a >> 1) * (b >> 2) * 64; })),
              "dot_s8");
    for (const auto format : {NumberFormat::kInt8, NumberFormat::kUint8}) {
        EXPECT_EQ(made(of(Model::kExact, 0, format)).terms, 1);
    }
    EXPECT_EQ(made(table_of(false, truncated(2))).terms, 1);
}

TEST(DeviceTable, ZerosAreATermThatIsZero) {
    EXPECT_EQ(checked(of(Model::kZeros, 0, NumberFormat::kInt8)), "dot_s8");
}

// Factors that are no bytes of one kind are written in digits.
TEST(DeviceTable, LowRanksAreTermsInTheOrderOfTheirShifts) {
    std::mt19937 random(test_seed());
    EXPECT_EQ(checked(table_of(true, [](int a, int b) { return (a + 100) * (2 * b - 3); })),
              "dot_s8");
    for (const bool is_signed : {true, false}) {
        for (const int rank : {1, 2, 3}) {
            const Table8 table = random_low_rank(is_signed, rank, 200, random);
            EXPECT_EQ(checked(table), "dot_s8") << rank << ", CONVWRIGHT_SEED=" << test_seed();
            const DeviceTable d = made(table);
            for (int t = 0; t < d.terms; t++) EXPECT_GE(d.words[d.steps() + t], 0);
        }
    }
    EXPECT_EQ(checked(of(Model::kRoba, 0, NumberFormat::kInt8)), "dot_s8");
    EXPECT_EQ(checked(table_of(false, ama5)), "dot_s8");
}

TEST(DeviceTable, EntriesHave16BitsWhereTheirSpanAllows) {
    std::mt19937 random(test_seed());
    EXPECT_EQ(checked(of(Model::kMbm, 0, NumberFormat::kUint8)), "table16");
    EXPECT_EQ(checked(of(Model::kMbm, 0, NumberFormat::kInt8)), "table16");
    EXPECT_EQ(checked(table_of(true, [&](int, int) { return int16_t(random()); })), "table16");
    EXPECT_EQ(checked(table_of(true, [&](int, int) { return 1000000 + random() % 65536; })),
              "table16");
    EXPECT_EQ(checked(table_of(true, [&](int, int) { return int32_t(random()); })), "table32");
}

TEST(DeviceTable, PartsBeginAtMultiplesOf16Bytes) {
    std::mt19937 random(test_seed());
    for (const int rank : {1, 2, 3, 5}) {
        const DeviceTable d = made(random_low_rank(true, rank, 100, random));
        for (const int64_t part : {d.weight_maps(), d.steps(), d.entries()}) EXPECT_EQ(part % 4, 0);
        EXPECT_EQ(d.entries(), static_cast<int64_t>(d.words.size()));
    }
}

}  // namespace
}  // namespace convwright
