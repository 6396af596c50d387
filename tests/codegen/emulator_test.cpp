// SPDX-License-Identifier: Apache-2.0
//
// Right kernels are right in every order; faults are in emulator_faults_test.cpp.
#include "codegen/emulator/emulate.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "tests/codegen/emulator_kernels.cu"
#include "tests/codegen/emulator_orders.h"
#include "tests/seed.h"

namespace convwright::emulator {
namespace {

// In [-3, 3]: every sum here is exact in float32, so that no order of summing changes it.
template<typename T>
std::vector<T> small_integers(size_t size, uint32_t seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> any(-3, 3);
    std::vector<T> values(size);
    for (T &value : values) value = static_cast<T>(any(random));
    return values;
}

TEST(Emulator, TiledMatmulEqualsNaiveInAllOrders) {
    const int m = 37, n = 50, k = 41;
    const auto a = small_integers<float>(m * k, test_seed());
    const auto b = small_integers<float>(k * n, test_seed() + 1);
    std::vector<float> expected(m * n);
    for (int i = 0; i < m * n; ++i) {
        for (int r = 0; r < k; ++r) expected[i] += a[i / n * k + r] * b[r * n + i % n];
    }
    for (const Launch &launch : in_all_orders({"matmul", {4, 3}, {16, 16}})) {
        std::vector<float> c(m * n, NAN);
        const Outcome outcome = emulate(matmul, launch, a.data(), b.data(), c.data(), m, n, k, 0);
        EXPECT_EQ(outcome.error, "");
        EXPECT_EQ(c, expected);
        EXPECT_EQ(outcome.counters.barriers, 12 * 2 * 3);  // blocks, in a chunk, chunks
    }
}

TEST(Emulator, TakesArgumentsByAddress) {
    const std::vector<float> a{3}, b{-2};
    const float *a_data = a.data(), *b_data = b.data();
    float c = NAN, *c_data = &c;
    int one = 1, none = 0;
    void *args[] = {&a_data, &b_data, &c_data, &one, &one, &one, &none};
    EXPECT_EQ(emulate_packed(matmul, {"matmul", {}, {16, 16}}, args).error, "");
    EXPECT_EQ(c, -6);
}

TEST(Emulator, TwoStagePipelineEqualsNaiveInAllOrders) {
    const int n = 5 * 256 + 131;
    const auto x = small_integers<float>(n, test_seed());
    std::vector<float> expected(64);
    for (int i = 0; i < n; ++i) expected[(i / 4 + 63) % 64] += x[i];
    for (const Launch &launch : in_all_orders({"pipeline", {}, {64}, 2048})) {
        std::vector<float> sums(64, NAN);
        const Outcome outcome = emulate(pipeline, launch, x.data(), sums.data(), n, 0);
        EXPECT_EQ(outcome.error, "");
        EXPECT_EQ(sums, expected);
        EXPECT_EQ(outcome.counters.async_copies, 6 * 64);
        EXPECT_EQ(outcome.counters.async_bytes, 6 * 64 * 16);
    }
}

TEST(Emulator, WarpFunctionsInAllOrders) {
    const auto values = small_integers<int>(64, test_seed());
    std::vector<int> expected(18);
    for (int warp = 0; warp < 2; ++warp) {
        const int *v = &values[warp * 32];
        int *r = &expected[warp * 9];
        unsigned odd = 0;
        for (int i = 0; i < 32; ++i) {
            r[0] += v[i], r[1] += v[i], odd |= unsigned{v[i] % 2 != 0} << i;
            if (i < 8) r[7] += v[i];
            if (i < 16) r[8] += v[i];
        }
        r[2] = v[5], r[3] = static_cast<int>(odd), r[4] = odd != 0, r[5] = odd == ~0u, r[6] = v[6];
    }
    for (const Launch &launch : in_all_orders({"warp_functions", {}, {64}})) {
        std::vector<int> results(18);
        const Outcome outcome = emulate(warp_functions, launch, values.data(), results.data());
        EXPECT_EQ(outcome.error, "");
        EXPECT_EQ(results, expected);
        EXPECT_EQ(outcome.counters.collectives, 2 * (5 + 5 + 3 + 2 + 3 + 1 + 4));
    }
}

struct At {
    int row, column;
};

// Where element i of a lane lies, written as the PTX ISA has it for each shape ("Matrix Fragments
// for mma.m16n8k8 with .tf32", "... m16n8k16 with floating point type", "... m16n8k32").
using Fragment = At (*)(int group, int t, int i);
const Fragment kSums = [](int group, int t, int i) {
    return At{i < 2 ? group : group + 8, t * 2 + (i & 1)};
};
const Fragment kA8 = [](int group, int t, int i) {
    return At{i == 0 || i == 2 ? group : group + 8, i < 2 ? t : t + 4};
};
const Fragment kB8 = [](int group, int t, int i) { return At{i == 0 ? t : t + 4, group}; };
const Fragment kA16 = [](int group, int t, int i) {
    return At{i < 2 || (4 <= i && i < 6) ? group : group + 8, t * 2 + (i & 1) + (i < 4 ? 0 : 8)};
};
const Fragment kB16 = [](int group, int t, int i) {
    return At{t * 2 + (i & 1) + (i < 2 ? 0 : 8), group};
};
const Fragment kA32 = [](int group, int t, int i) {
    return At{i < 4 || (8 <= i && i < 12) ? group : group + 8, t * 4 + (i & 3) + (i < 8 ? 0 : 16)};
};
const Fragment kB32 = [](int group, int t, int i) {
    return At{t * 4 + (i & 3) + (i < 4 ? 0 : 16), group};
};

// The registers of all lanes, `count` elements in each lane, the first in the lowest bits.
template<typename Encode>
std::vector<uint32_t> registers(const std::vector<int> &matrix, int columns, int count,
                                int per_register, Fragment fragment, Encode encode) {
    std::vector<uint32_t> words(32 * count / per_register);
    for (int j = 0; j < 32 * count; ++j) {
        const At at = fragment(j / count / 4, j / count % 4, j % count);
        words[j / per_register] |= encode(matrix[at.row * columns + at.column])
                                   << 32 / per_register * (j % per_register);
    }
    return words;
}

template<typename T, typename Encode>
void check_mma(void (*kernel)(const uint32_t *, const uint32_t *, T *), int per_register,
               Fragment a_fragment, Fragment b_fragment, Encode encode) {
    const int k = 8 * per_register;
    const auto a = small_integers<int>(16 * k, test_seed());
    const auto b = small_integers<int>(k * 8, test_seed() + 1);
    const auto start = small_integers<T>(32 * 4, test_seed() + 2);
    const auto a_registers = registers(a, k, 4 * per_register, per_register, a_fragment, encode);
    const auto b_registers = registers(b, 8, 2 * per_register, per_register, b_fragment, encode);
    std::vector<T> expected = start;
    for (int j = 0; j < 32 * 4; ++j) {
        const At at = kSums(j / 16, j / 4 % 4, j % 4);
        for (int r = 0; r < k; ++r) {
            expected[j] += static_cast<T>(a[at.row * k + r] * b[r * 8 + at.column]);
        }
    }
    for (const Launch &launch : in_all_orders({"mma", {}, {32}})) {
        std::vector<T> d = start;
        const Outcome outcome =
            emulate(kernel, launch, a_registers.data(), b_registers.data(), d.data());
        EXPECT_EQ(outcome.error, "");
        EXPECT_EQ(d, expected);
        EXPECT_EQ(outcome.counters.mmas, 1);
    }
}

TEST(Emulator, MmaOfEachTypeEqualsNaive) {
    using namespace device;
    const auto tf32 = [](int v) { return to_tf32(static_cast<float>(v)); };
    const auto bf16 = [](int v) { return uint32_t{to_bfloat16(static_cast<float>(v)).bits}; };
    const auto f16 = [](int v) { return uint32_t{to_float16(static_cast<float>(v)).bits}; };
    const auto s8 = [](int v) { return uint32_t{static_cast<uint8_t>(v)}; };
    check_mma(kernel_mma_m16n8k8_tf32, 1, kA8, kB8, tf32);
    check_mma(kernel_mma_m16n8k16_bf16, 2, kA16, kB16, bf16);
    check_mma(kernel_mma_m16n8k16_f16, 2, kA16, kB16, f16);
    check_mma(kernel_mma_m16n8k32_s8, 4, kA32, kB32, s8);
}

// PTX ISA, "ldmatrix": row `group`, columns 2 * t and 2 * t + 1; transposed the other way round.
TEST(Emulator, LdmatrixGivesFragments) {
    std::vector<uint16_t> rows(32 * 8);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint16_t>(i);
    for (const bool transposed : {false, true}) {
        for (const Launch &launch : in_all_orders({"ldmatrix", {}, {32}})) {
            std::vector<uint32_t> registers(6 * 32);
            const auto kernel = transposed ? kernel_ldmatrix_transposed : kernel_ldmatrix;
            EXPECT_EQ(emulate(kernel, launch, rows.data(), registers.data()).error, "");
            for (uint32_t j = 0; j < registers.size(); ++j) {
                const uint32_t group = j % 32 / 4, t = j % 4, matrix = j / 32 % 4;
                const uint32_t first =
                    64 * matrix + (transposed ? 16 * t + group : 8 * group + 2 * t);
                const uint32_t second = first + (transposed ? 8 : 1);
                ASSERT_EQ(registers[j], first | second << 16) << transposed << " " << j;
            }
        }
    }
}

TEST(Emulator, RefusesImpossibleLaunches) {
    float c = 0;
    const auto error = [&](const Launch &launch) {
        return emulate(matmul, launch, &c, &c, &c, 1, 1, 1, 0).error;
    };
    EXPECT_EQ(error({"matmul", {0}, {16, 16}}),
              "kernel matmul cannot be launched: the grid is empty.");
    EXPECT_EQ(error({"matmul", {}, {16, 65}}),
              "kernel matmul cannot be launched: the block has too many threads.");
    EXPECT_EQ(error({"matmul", {}, {16, 16}, 228 << 10}),
              "kernel matmul cannot be launched: more shared memory than any device has.");
}

TEST(FloatTypes, RoundToNearestTiesToEven) {
    using namespace device;
    EXPECT_EQ(to_bfloat16(1.00390625f).bits, 0x3F80);  // 1 + 2^-8, a tie
    EXPECT_EQ(to_bfloat16(1.01171875f).bits, 0x3F82);  // 1 + 3 * 2^-8, a tie
    EXPECT_EQ(to_bfloat16(3.4e38f).bits, 0x7F80);
    EXPECT_EQ(to_bfloat16(-INFINITY).bits, 0xFF80);
    EXPECT_EQ(to_bfloat16(NAN).bits, 0x7FFF);
    EXPECT_EQ(to_float16(65504).bits, 0x7BFF);
    EXPECT_EQ(to_float16(65520).bits, 0x7C00);
    EXPECT_EQ(to_float16(5.9604645e-8f).bits, 0x0001);  // 2^-24, the smallest
    EXPECT_EQ(to_float16(NAN).bits, 0x7FFF);
    EXPECT_EQ(to_float(float16{0x3555}), 0.333251953125f);
    EXPECT_EQ(to_tf32(std::bit_cast<float>(0x3F801000u)), 0x3F802000u);  // a tie, away from zero
    EXPECT_EQ(to_tf32(std::bit_cast<float>(0x3F800FFFu)), 0x3F800000u);
}

}  // namespace
}  // namespace convwright::emulator
