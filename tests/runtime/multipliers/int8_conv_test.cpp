// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/int8_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/isa.h"
#include "runtime/multipliers/multiplier.h"
#include "tests/random_problem.h"
#include "tests/runtime/multipliers/example_tables.h"
#include "tests/runtime/multipliers/int8_problem.h"
#include "tests/seed.h"
#include "tests/thread_run.h"

namespace convwright {
namespace {

Table8 model_table(Model model, int parameter, bool is_signed) {
    const NumberFormat format = is_signed ? NumberFormat::kInt8 : NumberFormat::kUint8;
    return {is_signed, product_table({model, parameter}, format)};
}

Table8 constant_table(int32_t value) {
    return table_of(true, [&](int, int) { return value; });
}

/// Tables of all classes and sizes of entries.
const std::vector<NamedTable> &tables() {
    static const std::vector<NamedTable> all = [] {
        std::mt19937 random(test_seed());
        std::vector<NamedTable> t;
        for (const bool is_signed : {true, false}) {
            const std::string type = is_signed ? "int8 " : "uint8 ";
            t.emplace_back(type + "exact", model_table(Model::kExact, 0, is_signed));
            t.emplace_back(type + "mbm", model_table(Model::kMbm, 0, is_signed));
            t.emplace_back(type + "drum(4)", model_table(Model::kDrum, 4, is_signed));
            t.emplace_back(type + "roba", model_table(Model::kRoba, 0, is_signed));
            t.emplace_back(type + "rank 2", random_low_rank(is_signed, 2, 60, random));
        }
        t.emplace_back("zeros", constant_table(0));
        t.emplace_back("rank 1", random_low_rank(true, 1, 400, random));
        t.emplace_back("rank 3", random_low_rank(false, 3, 90, random));
        t.emplace_back("rank 4", random_low_rank(true, 4, 127, random));
        t.emplace_back("ama5", table_of(false, ama5));  // not symmetric
        t.emplace_back("T[0][b] = 7 b",
                       table_of(false, [](int a, int b) { return a * b + 7 * b; }));
        t.emplace_back("7 bits",
                       table_of(false, [](int a, int b) { return (a * 89 + b * 7) % 127; }));
        t.emplace_back("16 bits", table_of(true, [&](int, int) { return int16_t(random()); }));
        t.emplace_back("24 bits", table_of(true, [&](int, int) { return random() & 0xffffff; }));
        t.emplace_back("32 bits", table_of(true, [&](int, int) { return int32_t(random()); }));
        return t;
    }();
    return all;
}

/// Every engine and some layouts, against the definition.
void check(const Int8Problem &problem, const NamedTable &table, std::mt19937 &random) {
    const std::vector<int32_t> expected = problem.definition(table.table);
    for (const EngineForm &form : engine_forms(table)) {
        const auto layout = [&] { return kLayouts[random() % 4]; };
        const Layout in = layout(), weight = layout(), out = layout();
        const std::string trace =
            format_problem(problem.problem) + ", table '" + table.name + "', engine '" + form.name +
            "', input " + layout_name(in) + ", weight " + layout_name(weight) + ", output " +
            layout_name(out) + ", padding " + std::to_string(problem.pad_value) +
            ", CONVWRIGHT_SEED=" + std::to_string(test_seed());
        SCOPED_TRACE(trace);
        for (const Placement placement : {Placement::kStart, Placement::kEnd}) {
            const std::vector<int32_t> actual =
                problem.run(table, form, {in, weight, out, placement});
            ASSERT_EQ(actual.size(), expected.size());
            const auto [a, e] = std::mismatch(actual.begin(), actual.end(), expected.begin());
            if (a == actual.end()) continue;
            ADD_FAILURE() << "element " << a - actual.begin() << " of " << actual.size() << " is "
                          << *a << ", not " << *e;
            return;
        }
    }
}

ConvProblem parsed(const std::string &sizes) {
    return parse_problem("fprop_" + sizes + "_f32_nhwc");
}

TEST(Int8Conv, TermsAreTheTable) {
    int low_rank = 0;
    for (const NamedTable &t : tables()) {
        if (!t.prepared->terms) continue;
        low_rank++;
        EXPECT_TRUE(is_equal(*t.prepared->terms, t.table)) << t.name;
    }
    EXPECT_GE(low_rank, 10);
}

TEST(Int8Conv, TablesOfRankOneHaveOneTerm) {
    for (const NamedTable &t : tables()) {
        if (t.name != "int8 exact" && t.name != "uint8 exact" && t.name != "uint8 drum(4)")
            continue;
        EXPECT_EQ(t.prepared->terms->terms.size(), 1u) << t.name;
    }
}

TEST(Int8Conv, EveryEngineOfRandomProblemsEqualsTheDefinition) {
    std::mt19937 random(test_seed());
    for (int i = 0; i < 150; i++) {
        ConvProblem p;
        do p = random_problem(random);
        while (macs(p) > 1.5e6 || p.n * p.co * p.oh() * p.ow() > 100'000);
        p.direction = Direction::kFprop;
        const NamedTable &table = tables()[static_cast<size_t>(i) % tables().size()];
        check(Int8Problem(p, static_cast<uint8_t>(random()), random()), table, random);
        if (HasFailure()) return;
    }
}

/// Around each tile: pixels of a vector or register tile, channels of a panel, groups of 4 bytes.
TEST(Int8Conv, EveryEngineAroundItsTilesEqualsTheDefinition) {
    std::mt19937 random(test_seed());
    size_t next = 0;
    for (const char *sizes :
         {"n1ci4ih8iw8co16kh1kw1s1p0", "n1ci3ih7iw9co17kh3kw3s1p1", "n2ci5ih5iw13co33kh1kw3s1p0x1",
          "n1ci16ih8iw8co65kh3kw3s2p1", "n3ci1ih4iw70co1kh5kw5s1p2", "n1ci7ih3iw3co49kh3kw3s1p0",
          "n2ci33ih9iw9co6kh1kw1s2p0", "n1ci2ih20iw20co2kh2kw2s3p0d3",
          "n1ci6ih11iw9co130kh3kw2s1p1", "n9ci12ih1iw1co20kh1kw1s1p0",
          "n2ci18ih9iw9co36kh3kw3s1p1g18", "n1ci24ih10iw10co24kh3kw3s2p1g24",
          "n1ci8ih6iw6co64kh3kw3s1p2d2g2", "n1ci2ih4iw1100co3kh3kw3s1p1",
          "n1ci1ih40iw3co3kh17kw17s1p8", "n40ci3ih2iw2co5kh2kw2s1p1"}) {
        for (int i = 0; i < 3; i++) {
            const NamedTable &table = tables()[next++ % tables().size()];
            const uint8_t pad = i == 0 ? 0 : static_cast<uint8_t>(random());
            check(Int8Problem(parsed(sizes), pad, random()), table, random);
            if (HasFailure()) return;
        }
    }
}

/// Blocks of 16 channels, quads of taps, tiles of 10, 4 and 1 columns.
TEST(Int8Conv, DepthwiseOfEveryTableEqualsTheDefinition) {
    std::mt19937 random(test_seed());
    for (const char *sizes : {"n2ci35ih9iw13co35kh3kw3s1p1g35", "n1ci16ih11iw11co16kh5kw5s2p2g16",
                              "n1ci70ih4iw24co70kh1kw9s1p0x2d2g70", "n3ci2ih3iw3co2kh3kw3s1p1g2",
                              "n1ci20ih7iw7co20kh3kw2s1p0g20", "n1ci17ih6iw6co17kh1kw1s2p0g17"}) {
        for (const NamedTable &table : tables()) {
            check(Int8Problem(parsed(sizes), static_cast<uint8_t>(random()), random()), table,
                  random);
        }
        if (HasFailure()) return;
    }
}

/// Sums that leave 16 bits within a chunk and 32 bits in all.
TEST(Int8Conv, LongSumsOfExtremeEntriesEqualTheDefinition) {
    std::mt19937 random(test_seed());
    for (const int32_t value : {32767, -32768, 65025, 65535, INT32_MAX, INT32_MIN}) {
        const NamedTable all(std::to_string(value), constant_table(value));
        const NamedTable some(std::to_string(value) + " or 0", table_of(true, [&](int a, int b) {
                                  return (a ^ b) % 3 == 0 ? 0 : value;
                              }));
        for (const char *sizes : {"n1ci512ih3iw4co3kh3kw3s1p1", "n1ci1152ih2iw2co2kh2kw2s1p0"}) {
            for (const NamedTable *table : {&all, &some}) {
                check(Int8Problem(parsed(sizes), 0, random()), *table, random);
            }
        }
        if (HasFailure()) return;
    }
    for (const NamedTable &table : tables()) {
        check(Int8Problem(parsed("n1ci513ih3iw3co2kh3kw3s1p0"), 0, random()), table, random);
    }
}

/// The bytes that are extreme in either signedness, in every combination.
TEST(Int8Conv, ExtremeOperandsEqualTheDefinition) {
    std::mt19937 random(test_seed());
    constexpr uint8_t bytes[] = {0, 1, 127, 128, 129, 255};
    for (const NamedTable &table : tables()) {
        for (const uint8_t byte : bytes) {
            Int8Problem problem(parsed("n1ci70ih3iw3co6kh3kw3s1p1"), byte, 1);
            std::fill(problem.input.begin(), problem.input.end(), byte);
            const size_t k = problem.weight.size() / 6;
            for (size_t c = 0; c < 6; c++) {
                std::fill_n(problem.weight.begin() + static_cast<int64_t>(c * k), k, bytes[c]);
            }
            check(problem, table, random);
        }
        if (HasFailure()) return;
    }
}

TEST(Int8Conv, ThreadsDoNotChangeTheResult) {
    std::mt19937 random(test_seed());
    for (const char *sizes : {"n2ci20ih17iw17co70kh3kw3s1p1", "n1ci8ih30iw30co8kh3kw3s1p1g8",
                              "n1ci64ih5iw5co200kh1kw1s1p0"}) {
        for (const NamedTable &table : tables()) {
            if (table.name != "int8 exact" && table.name != "uint8 mbm") continue;
            const Int8Problem problem(parsed(sizes), 3, random());
            for (const EngineForm &form : engine_forms(table)) {
                SCOPED_TRACE(std::string(sizes) + ", table '" + table.name + "', engine '" +
                             form.name + "'");
                const auto run = [&] {
                    return problem.run(
                        table, form,
                        {Layout::kNhwc, Layout::kNchw, Layout::kNhwc, Placement::kEnd});
                };
                const std::vector<int32_t> alone = run();
                for (const int64_t threads : {1, 2, 3}) {
                    const TestThreads pool(threads);
                    EXPECT_EQ(run(), alone) << threads << " threads";
                }
            }
        }
    }
}

TEST(Int8Plan, TakesTheFastestEngineOfTheCpu) {
    ConvProblem p = parsed("n1ci4ih8iw8co16kh1kw1s1p0");
    const auto engine = [&](const char *name, const Int8Cpu &cpu) {
        for (const NamedTable &t : tables()) {
            if (t.name == name) return int8_plan(p, t.prepared, 0, cpu).engine;
        }
        return Int8Engine::kScalar;
    };
    constexpr Int8Cpu avx2{true, false, false}, avx512{true, true, true};
    EXPECT_EQ(engine("int8 exact", avx512), Int8Engine::kLowRank);
    EXPECT_EQ(engine("int8 mbm", avx512), Int8Engine::kTable);
    EXPECT_EQ(engine("int8 exact", avx2), Int8Engine::kLowRank);
    EXPECT_EQ(engine("int8 mbm", avx2), Int8Engine::kScalar);
    EXPECT_EQ(engine("int8 exact", {}), Int8Engine::kScalar);
    EXPECT_EQ(engine("int8 mbm", {}), Int8Engine::kScalar);
    p = parsed("n1ci16ih8iw8co16kh3kw3s1p1g16");
    EXPECT_EQ(engine("int8 exact", avx512), Int8Engine::kLowRank);
    EXPECT_EQ(engine("int8 exact", avx2), Int8Engine::kScalar);
}

TEST(Int8Plan, TheIsaCapsTheCpu) {  // CONVWRIGHT_ISA lowers host_isa()
    const Int8Cpu cpu = host_int8_cpu();
    EXPECT_EQ(cpu.avx2, host_isa() >= Isa::kAvx2);
    if (host_isa() < Isa::kAvx512) {
        EXPECT_FALSE(cpu.vnni);
        EXPECT_FALSE(cpu.vbmi);
    }
}

TEST(Int8Plan, RefusesMistakes) {
    const auto mbm = tables()[1].prepared;
    ConvProblem p = parsed("n1ci4ih8iw8co16kh1kw1s1p0");
    EXPECT_THROW(int8_plan(p, mbm, 0, {true, true, true}, Int8Engine::kLowRank),
                 std::invalid_argument);
    EXPECT_THROW(int8_plan(p, mbm, 0, {true, true, false}, Int8Engine::kTable),
                 std::invalid_argument);
    EXPECT_THROW(int8_plan(p, tables()[0].prepared, 0, {}, Int8Engine::kLowRank),
                 std::invalid_argument);
    p.kh = 9;
    EXPECT_THROW(int8_plan(p, mbm, 0), std::invalid_argument);
}

}  // namespace
}  // namespace convwright
