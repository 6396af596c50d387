// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/mma.h"

#include <bit>

#include "codegen/device/float_types.h"

namespace convwright::emulator {
namespace {

struct Tf32 {
    using Sum = float;  // what products are added up in
    using Accumulator = float;
    static constexpr int kPerRegister = 1;
    static float element(uint32_t bits, int) { return std::bit_cast<float>(bits & 0xFFFFE000u); }
};

struct Bfloat16 {
    using Sum = float;
    using Accumulator = float;
    static constexpr int kPerRegister = 2;
    static float element(uint32_t bits, int i) {
        return device::to_float(device::bfloat16{static_cast<uint16_t>(bits >> 16 * i)});
    }
};

struct Float16 {
    using Sum = float;
    using Accumulator = float;
    static constexpr int kPerRegister = 2;
    static float element(uint32_t bits, int i) {
        return device::to_float(device::float16{static_cast<uint16_t>(bits >> 16 * i)});
    }
};

struct Int8 {
    using Sum = int64_t;  // 33 bits at most; the accumulator wraps
    using Accumulator = int32_t;
    static constexpr int kPerRegister = 4;
    static int64_t element(uint32_t bits, int i) { return static_cast<int8_t>(bits >> 8 * i); }
};

struct Frame {
    const uint32_t *a, *b;
    void *d;
};

// Which elements a lane holds: PTX ISA, "Matrix Fragments for mma.m16n8k8", "... m16n8k16" and
// "... m16n8k32". With P elements in a register, group = lane / 4 and t = lane % 4 all of them are
//   a: register r, element p:  row group + 8 * (r % 2),  k = P * t + p + 4 * P * (r / 2)
//   b: register r, element p:  k = P * t + p + 4 * P * r,  column group
//   d: accumulator e:          row group + 8 * (e / 2),  column 2 * t + e % 2
// Unwatched by the sanitizer, which would take most of the time: it touches its own arrays and the
// frames of mma().
template<typename Operands>
__attribute__((no_sanitize("address"))) void multiply(void *const *frames, unsigned) {
    constexpr int P = Operands::kPerRegister, K = 8 * P;
    typename Operands::Sum a[16][K], b[K][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto *frame = static_cast<const Frame *>(frames[lane]);
        const int group = lane / 4, t = lane % 4;
        for (int r = 0; r < 4; ++r) {
            for (int p = 0; p < P; ++p) {
                const int k = P * t + p + 4 * P * (r / 2);
                a[group + 8 * (r % 2)][k] = Operands::element(frame->a[r], p);
            }
        }
        for (int r = 0; r < 2; ++r) {
            for (int p = 0; p < P; ++p) {
                b[P * t + p + 4 * P * r][group] = Operands::element(frame->b[r], p);
            }
        }
    }
    for (int lane = 0; lane < 32; ++lane) {
        using Accumulator = typename Operands::Accumulator;
        auto *d = static_cast<Accumulator *>(static_cast<const Frame *>(frames[lane])->d);
        for (int e = 0; e < 4; ++e) {
            const int row = lane / 4 + 8 * (e / 2), column = 2 * (lane % 4) + e % 2;
            typename Operands::Sum sum = d[e];
            for (int k = 0; k < K; ++k) sum += a[row][k] * b[k][column];
            d[e] = static_cast<Accumulator>(sum);
        }
    }
}

Combine multiply_of(MmaOperands operands) {
    switch (operands) {
        case MmaOperands::kTf32:
            return multiply<Tf32>;
        case MmaOperands::kBfloat16:
            return multiply<Bfloat16>;
        case MmaOperands::kFloat16:
            return multiply<Float16>;
        default:
            return multiply<Int8>;
    }
}

}  // namespace

void mma(const char *name, MmaOperands operands, void *d, const uint32_t *a, const uint32_t *b,
         const Where &where) {
    Frame frame{a, b, d};
    if (lane() == 0) ++counters().mmas;
    collective(name, kAllLanes, multiply_of(operands), &frame, where);
}

}  // namespace convwright::emulator
