// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table8.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "runtime/multipliers/table8_files.h"
#include "tests/runtime/multipliers/example_tables.h"
#include "tests/temporary_folder.h"

namespace convwright {
namespace {

Table8 exact(bool is_signed) {
    return table_of(is_signed, [](int a, int b) { return a * b; });
}

template<typename T>
std::string raw(const Table8 &table) {
    std::string bytes;
    for (const int32_t value : table.values) {
        for (size_t i = 0; i < sizeof(T); i++) bytes += static_cast<char>(value >> (8 * i));
    }
    return bytes;
}

std::string csv(const Table8 &table, const std::string &separator, int per_line) {
    std::string text;
    for (size_t i = 0; i < table.values.size(); i++) {
        const bool last = (i + 1) % static_cast<size_t>(per_line) == 0;
        text += std::to_string(table.values[i]) + (last ? "\n" : separator);
    }
    return text;
}

TEST(Table8, OperandsAreTwosComplementBytes) {
    EXPECT_EQ((Table8{true, {}}.operand(127)), 127);
    EXPECT_EQ((Table8{true, {}}.operand(128)), -128);
    EXPECT_EQ((Table8{true, {}}.operand(255)), -1);
    EXPECT_EQ((Table8{false, {}}.operand(255)), 255);
    const Table8 table = exact(true);
    EXPECT_EQ(table.at(128, 128), 16384);
    EXPECT_EQ(table.at(255, 3), -3);
}

TEST(Table8, IsMadeOf65536EntriesOfThreeTypes) {
    const std::vector<int16_t> shorts(Table8::kEntries, -7);
    const std::vector<uint16_t> words(Table8::kEntries, 65535);
    const std::vector<int32_t> ints(Table8::kEntries, std::numeric_limits<int32_t>::min());
    EXPECT_EQ(make_table(true, shorts.data(), shorts.size()).table->at(3, 4), -7);
    EXPECT_EQ(make_table(false, words.data(), words.size()).table->at(3, 4), 65535);
    EXPECT_EQ(make_table(true, ints.data(), ints.size()).table->at(255, 255), ints[0]);
    const TableResult wrong = make_table(false, words.data(), 65535);
    EXPECT_FALSE(wrong.table);
    EXPECT_EQ(wrong.error, "A table of 8-bit products has 65536 entries (256 x 256), not 65535.");
}

TEST(Table8, HashTellsTablesApart) {
    EXPECT_EQ(fnv1a("foobar", 6), 0x85944171f73967e8u);  // of the authors' test suite
    Table8 table = exact(false);
    const uint64_t hash = table_hash(table);
    EXPECT_EQ(table_hash(exact(false)), hash);
    table.is_signed = true;
    EXPECT_NE(table_hash(table), hash);
    table = exact(false);
    table.values[40000]++;
    EXPECT_NE(table_hash(table), hash);
}

TEST(Table8, IsReadFromRawFilesOfAllTypes) {
    const TemporaryFolder folder;
    const Table8 is_signed = exact(true), is_unsigned = exact(false);
    const auto read = [&](const std::string &bytes, bool sign, EntryType type) {
        return read_raw_table(folder.write("t.bin", bytes), sign, type).table->values;
    };
    EXPECT_EQ(read(raw<int16_t>(is_signed), true, EntryType::kBySize), is_signed.values);
    EXPECT_EQ(read(raw<int16_t>(is_signed), true, EntryType::kInt16), is_signed.values);
    EXPECT_EQ(read(raw<int16_t>(is_unsigned), false, EntryType::kBySize), is_unsigned.values);
    EXPECT_EQ(read(raw<int16_t>(is_unsigned), false, EntryType::kUint16), is_unsigned.values);
    EXPECT_EQ(read(raw<int32_t>(is_signed), true, EntryType::kBySize), is_signed.values);
    EXPECT_EQ(read(raw<int32_t>(is_signed), true, EntryType::kInt32), is_signed.values);
    // The type goes before the signedness of the operands.
    EXPECT_EQ(read(raw<int16_t>(is_unsigned), false, EntryType::kInt16)[65535], 65025 - 65536);
    EXPECT_EQ(read(raw<int16_t>(is_signed), true, EntryType::kUint16)[255 * 256 + 1], 65535);
}

TEST(Table8, RawFilesOfOtherSizesAreErrors) {
    const TemporaryFolder folder;
    const std::string bytes = raw<int16_t>(exact(true));
    const std::string path = folder.write("t.bin", bytes.substr(0, bytes.size() - 1));
    EXPECT_EQ(read_raw_table(path, true).error,
              "Table file '" + path +
                  "' has 131071 bytes and a table of that type has 131072 (16-bit entries) or "
                  "262144 (32-bit entries).");
    folder.write("t.bin", bytes);
    EXPECT_EQ(read_raw_table(path, true, EntryType::kInt32).error,
              "Table file '" + path + "' has 131072 bytes and a table of that type has 262144.");
    folder.write("t.bin", bytes + "x");
    EXPECT_FALSE(read_raw_table(path, true).table);
    folder.write("t.bin", "");
    EXPECT_FALSE(read_raw_table(path, true).table);
    EXPECT_EQ(read_raw_table(folder.path() + "/none", true).error,
              "Table file '" + folder.path() + "/none' cannot be read.");
    EXPECT_FALSE(read_raw_table(folder.path(), true).table);
}

TEST(Table8, IsReadFromCsvOfAnyShape) {
    const Table8 table = exact(true);
    for (const char *separator : {",", ";", " ", "\t", ", "}) {
        for (const int per_line : {1, 7, 256, 65536}) {
            const TableResult result = parse_csv_table(csv(table, separator, per_line), true);
            ASSERT_TRUE(result.table) << result.error;
            EXPECT_EQ(result.table->values, table.values);
        }
    }
    std::string text = "\xef\xbb\xbf+" + csv(table, ",", 256);
    for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 3) {
        text.replace(at, 1, ",\r\n");
    }
    EXPECT_EQ(parse_csv_table(text, true).error, "");
    const TemporaryFolder folder;
    const std::string path = folder.write("t.csv", csv(table, ",", 256));
    EXPECT_EQ(read_csv_table(path, true).table->values, table.values);
    EXPECT_FALSE(read_csv_table(path + "x", true).table);
}

TEST(Table8, CsvErrorsNameLineAndColumn) {
    const std::string good = csv(exact(false), ",", 256);
    const auto error = [&](const std::string &from, const std::string &to) {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        return parse_csv_table(text, false, "t.csv").error;
    };
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,2.5,3"),
              "t.csv, line 2, column 5: a decimal integer was expected.");
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,x,3"),
              "t.csv, line 2, column 5: a decimal integer was expected.");
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,,3"), "t.csv, line 2, column 5: a number was expected.");
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,2147483648,3"),
              "t.csv, line 2, column 5: the number does not fit 32 bits.");
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,+-2,3"),
              "t.csv, line 2, column 5: a decimal integer was expected.");
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,2"),
              "t.csv, line 257, column 1: 65535 numbers instead of 65536.");
    EXPECT_EQ(error("\n0,1,2,3", "\n0,1,2,3,3"),
              "t.csv, line 256, column 1485: more than 65536 numbers.");
    // 256 lines and 65536 numbers, but a number has slipped to the line above.
    EXPECT_EQ(error("\n0,1,2,3", ",0\n1,2,3"), "t.csv, line 1: 257 numbers instead of 256.");
    EXPECT_EQ(parse_csv_table("", false).error,
              "table, line 1, column 1: 0 numbers instead of 65536.");
    EXPECT_EQ(parse_csv_table(",1", false).error,
              "table, line 1, column 1: a number was expected.");
}

}  // namespace
}  // namespace convwright
