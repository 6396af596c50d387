// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/operand_edit.h"

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/vector_loops.h"

namespace convwright {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffff, kLeastNormal = 0x00800000, kInfinity = 0x7f800000;
constexpr uint32_t kBfloat16 = 0xffff0000, kQuiet = 0x00400000;
constexpr int kSignificandBits = 24, kBfloat16Bits = 8;

inline uint32_t edited(const OperandEdit &e, uint32_t bits, uint32_t everywhere) {
    const uint32_t m = bits & kMagnitude;
    const bool normal = m >= kLeastNormal && m < kInfinity;
    const uint32_t quiet = m > kInfinity && everywhere != ~0u ? kQuiet : 0;
    return normal ? (bits & e.keep) | e.set : (bits & everywhere) | quiet;
}

CONVWRIGHT_VECTOR_LOOPS
void edit_run(const OperandEdit &e, const float *from, float *to, int64_t count) {
    const OperandEdit edit = e;
    const uint32_t everywhere = e.everywhere();
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        std::memcpy(&bits, from + i, sizeof bits);
        bits = edited(edit, bits, everywhere);
        std::memcpy(to + i, &bits, sizeof bits);
    }
}

/// From the leading bit of a significand to the last that is not 0 in all edited operands. DRUM sets
/// the last bit that it keeps, also behind those of bfloat16.
int used_bits(const Multiplier &m, NumberFormat format) {
    const int stored = format == NumberFormat::kBfloat16 ? kBfloat16Bits : kSignificandBits;
    if (m.model == Model::kDrum) return m.parameter;
    return m.model == Model::kTruncate ? std::min(stored, m.parameter) : stored;
}

}  // namespace

float OperandEdit::operator()(float operand) const {
    float result;
    edit_run(*this, &operand, &result, 1);
    return result;
}

OperandEdit operand_edit(const Multiplier &m, NumberFormat format) {
    OperandEdit edit;
    edit.bfloat16 = format == NumberFormat::kBfloat16;
    const int used = used_bits(m, format);
    edit.keep = ~0u << (kSignificandBits - used);
    if (edit.bfloat16) edit.keep &= kBfloat16;
    // With one bit kept the last is the implicit one.
    if (m.model == Model::kDrum && used > 1 && used < kSignificandBits) {
        edit.set = 1u << (kSignificandBits - used);
    }
    return edit;
}

bool edited_products_are_exact(const Multiplier &m, NumberFormat format) {
    return 2 * used_bits(m, format) <= kSignificandBits;
}

void edit_operands(const OperandEdit &edit, const float *from, const Extent (&axes)[4], float *to,
                   const int64_t (&to_strides)[4]) {
    bool same = true;
    int64_t count = 1;
    for (int d = 0; d < 4; d++) {
        same = same && (axes[d].extent == 1 || axes[d].stride == to_strides[d]);
        count *= axes[d].extent;
    }
    if (same) {  // `to` has no gaps, so neither has `from`
        edit_run(edit, from, to, count);
        return;
    }
    // The innermost axis is one that is dense on both sides, if there is one.
    int inner = 3;
    for (int d = 0; d < 4; d++) {
        if (axes[d].stride == 1 && to_strides[d] == 1 && axes[d].extent > 1) inner = d;
    }
    int outer[3], used = 0;
    for (int d = 0; d < 4; d++) {
        if (d != inner) outer[used++] = d;
    }
    const bool dense = axes[inner].stride == 1 && to_strides[inner] == 1;
    for (int64_t i = 0; i < axes[outer[0]].extent; i++) {
        for (int64_t j = 0; j < axes[outer[1]].extent; j++) {
            for (int64_t k = 0; k < axes[outer[2]].extent; k++) {
                const float *source = from + i * axes[outer[0]].stride + j * axes[outer[1]].stride +
                                      k * axes[outer[2]].stride;
                float *target = to + i * to_strides[outer[0]] + j * to_strides[outer[1]] +
                                k * to_strides[outer[2]];
                if (dense) {
                    edit_run(edit, source, target, axes[inner].extent);
                    continue;
                }
                for (int64_t l = 0; l < axes[inner].extent; l++) {
                    edit_run(edit, source + l * axes[inner].stride, target + l * to_strides[inner],
                             1);
                }
            }
        }
    }
}

}  // namespace convwright
