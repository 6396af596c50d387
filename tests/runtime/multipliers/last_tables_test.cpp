// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/last_tables.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/runtime/multipliers/example_tables.h"

namespace convwright {
namespace {

using Tables = LastTables<std::string>;

Table8 times(int factor, bool is_signed = false) {
    return table_of(is_signed, [&](int a, int b) { return factor * a * b; });
}

std::shared_ptr<const std::string> find(Tables &tables, const Table8 &table) {
    return tables.find(table.is_signed, table.values.data());
}

TEST(LastTables, GiveWhatWasMadeOfEqualEntries) {
    Tables tables;
    EXPECT_EQ(find(tables, times(1)), nullptr);
    const auto made = tables.add(times(1), "one");
    EXPECT_EQ(*made, "one");
    // The thing itself, no copy.
    EXPECT_EQ(find(tables, times(1)), made);
    EXPECT_EQ(find(tables, times(1, true)), nullptr);
    Table8 other = times(1);
    other.values.back()++;
    EXPECT_EQ(find(tables, other), nullptr);
}

TEST(LastTables, DropTheOneThatWasNotUsedForLongest) {
    Tables tables;
    const int kept = static_cast<int>(Tables::kKept);
    const auto second = tables.add(times(2), "2");
    for (int i = 3; i < kept + 2; i++) tables.add(times(i), std::to_string(i));
    EXPECT_EQ(find(tables, times(2)), second);  // used: now 3 is the oldest
    tables.add(times(100), "100");
    EXPECT_EQ(find(tables, times(3)), nullptr);
    for (int i = 4; i < kept + 2; i++) EXPECT_NE(find(tables, times(i)), nullptr) << i;
    EXPECT_EQ(find(tables, times(2)), second);
    for (int i = 200; i < 200 + kept; i++) tables.add(times(i), std::to_string(i));
    EXPECT_EQ(find(tables, times(2)), nullptr);
    EXPECT_EQ(*second, "2") << "Who holds it has it.";
}

TEST(LastTables, ThreadsFindTheirOwn) {
    Tables tables;
    std::atomic<int> wrong{0};
    const auto work = [&](int first) {
        for (int turn = 0; turn < 40; turn++) {
            const Table8 table = times(first + turn % 3);
            const std::string name = std::to_string(first + turn % 3);
            auto found = find(tables, table);
            if (found == nullptr) found = tables.add(table, name);
            if (*found != name) wrong++;
        }
    };
    // More tables than are kept.
    std::thread a(work, 10), b(work, 20), c(work, 30), d(work, 10);
    for (std::thread *thread : {&a, &b, &c, &d}) thread->join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace convwright
