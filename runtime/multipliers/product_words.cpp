// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/product_words.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "runtime/multipliers/operand_edit.h"
#include "runtime/multipliers/vector_loops.h"

namespace convwright {
namespace {

constexpr int32_t kFraction = 0x007fffff, kOne = 0x3f800000, kMagnitude = 0x7fffffff;
constexpr int32_t kLeastNormal = 0x00800000, kFour = 0x40800000;
constexpr int kFractionBits = 23;

inline int32_t to_bits(float value) {
    int32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline float from_bits(int32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

/// Correction bits of MBM without and with a carry: 5/64 of the power, halved by the carry.
struct Corrections {
    int32_t plain, carried;
};
Corrections mbm_corrections(int t) {
    const int32_t kept = t >= 16 ? ~((1 << t) - 1) : -1;
    return {0xA0000 & kept, 0x50000 & kept};
}

ProductForm mbm_form(int t, bool fast, bool zeros) {
    const auto [plain, carried] = mbm_corrections(t);
    ProductForm form;
    if (t > 0) form.arguments.keep = ~((1 << t) - 1), form.arguments.set = 1 << t;
    // With some t the bits that are cut make two constants of one, which the fast form has not.
    if (!fast || plain != 2 * carried) {
        form.product = "log_bits";
        form.arguments.correction = plain, form.arguments.carried = carried;
        return form;
    }
    if (plain == 0) {
        form.product = zeros ? "mitchell_zeros" : "mitchell";
        return form;
    }
    const float c = std::ldexp(static_cast<float>(plain), -kFractionBits);
    form.product = zeros ? "mbm_zeros" : "mbm";
    form.constant = c - std::ldexp(1.0f, -27);
    form.threshold = to_bits(4.0f - c);
    form.arguments.correction = form.threshold;
    form.arguments.carried = to_bits(form.constant);
    return form;
}

ProductForm lmul_form(int mantissa_bits, bool fast, bool zeros) {
    ProductForm form;
    form.arguments.keep = -(1 << (kFractionBits - mantissa_bits));
    const int l = mantissa_bits <= 3 ? mantissa_bits : mantissa_bits == 4 ? 3 : 4;
    form.arguments.correction = 1 << (kFractionBits - l);
    form.product = !fast ? "lmul_bits" : zeros ? "mitchell_zeros" : "mitchell";
    return form;
}

inline int32_t edited(const ProductForm &form, int32_t bits) {
    return (bits & form.arguments.keep) | form.arguments.set;
}
inline bool counts_as_zero(float weight) { return (to_bits(weight) & kMagnitude) < kLeastNormal; }
inline int32_t power_bits(float weight) { return to_bits(weight) & ~kFraction; }

/// L-Mul is Mitchell with a constant added to the logarithm of the weight.
inline int32_t log_constant(const ProductForm &form) { return form.arguments.correction; }

inline void mitchell_words(const ProductForm &form, float weight, float *words, int64_t) {
    const int32_t bits = counts_as_zero(weight) ? kOne : to_bits(weight);
    words[0] = from_bits(edited(form, bits) + log_constant(form));
}
inline void mitchell_zeros_words(const ProductForm &form, float weight, float *words,
                                 int64_t stride) {
    const int32_t fraction = edited(form, to_bits(weight) & kFraction);
    words[0] = from_bits((fraction | kOne) + log_constant(form));
    words[stride] = counts_as_zero(weight) ? 0.0f : from_bits(power_bits(weight));
}
inline void mbm_words(const ProductForm &form, float weight, float *words, int64_t stride) {
    const float w = counts_as_zero(weight) ? 1.0f : weight;
    words[0] = from_bits(edited(form, to_bits(w)));
    words[stride] = from_bits(power_bits(w) + (form.threshold - kOne));
    words[2 * stride] = from_bits(power_bits(w)) * form.constant;
}
inline void mbm_zeros_words(const ProductForm &form, float weight, float *words, int64_t stride) {
    const float power = counts_as_zero(weight) ? 0.0f : from_bits(power_bits(weight));
    words[0] = from_bits(edited(form, to_bits(weight) & kFraction) | kOne);
    words[stride] = power;
    words[2 * stride] = power * form.constant;
}
inline void roba_words(const ProductForm &, float weight, float *words, int64_t stride) {
    const int32_t up = to_bits(weight) & (kLeastNormal >> 1) ? kLeastNormal : 0;
    const float nearest = counts_as_zero(weight) ? 0.0f : from_bits(power_bits(weight) + up);
    words[0] = nearest;
    words[stride] = counts_as_zero(weight) ? 0.0f : weight - nearest;
}

/// A loop over rows of lanes for each product, so that it is vectorised.
#define CONVWRIGHT_WORD_LOOPS(name, make)                                                 \
    CONVWRIGHT_VECTOR_LOOPS                                                               \
    void name(const ProductForm &form, const float *weights, int64_t rows, int64_t panel, \
              float *words) {                                                             \
        for (int64_t row = 0; row < rows; row++) {                                        \
            float *to = words + row * panel * form.weight_words;                          \
            for (int64_t lane = 0; lane < panel; lane++) {                                \
                make(form, weights[row * panel + lane], to + lane, panel);                \
            }                                                                             \
        }                                                                                 \
    }
CONVWRIGHT_WORD_LOOPS(all_mitchell_words, mitchell_words)
CONVWRIGHT_WORD_LOOPS(all_mitchell_zeros_words, mitchell_zeros_words)
CONVWRIGHT_WORD_LOOPS(all_mbm_words, mbm_words)
CONVWRIGHT_WORD_LOOPS(all_mbm_zeros_words, mbm_zeros_words)
CONVWRIGHT_WORD_LOOPS(all_roba_words, roba_words)
#undef CONVWRIGHT_WORD_LOOPS

ProductForm form_of(const Multiplier &m, bool fast, bool zeros) {
    ProductForm form;
    switch (m.model) {
        case Model::kMbm:
            return mbm_form(m.parameter, fast, zeros);
        case Model::kLmul:
            return lmul_form(m.parameter, fast, zeros);
        case Model::kMitchell:
        case Model::kPam:
            form.product = !fast ? "log_bits" : zeros ? "mitchell_zeros" : "mitchell";
            return form;
        case Model::kRoba:
            form.product = fast ? "roba" : "roba_bits";
            return form;
        case Model::kRealm:
            form.product = "realm_bits";
            return form;
        case Model::kAxFpm:
            form.product = "ax_fpm_bits";
            return form;
        case Model::kDrum:
        case Model::kTruncate:
            form.product = "rounded";
            return form;
        case Model::kExact:
        case Model::kZeros:
            break;
    }
    throw std::invalid_argument("product_form: " + format_multiplier(m) + " has no product form.");
}

}  // namespace

int product_weight_words(const std::string &product) {
    if (product == "mbm" || product == "mbm_zeros") return 3;
    return product == "mitchell_zeros" || product == "roba" ? 2 : 1;
}

ProductForm product_form(const Multiplier &m, bool fast, bool zeros) {
    ProductForm form = form_of(m, fast, zeros);
    form.weight_words = product_weight_words(form.product);
    return form;
}

std::string usual_product(const Multiplier &m, Direction direction) {
    const NumberFormat format = NumberFormat::kFloat32;
    const MultiplierClass c = multiplier_class(m, format);
    if (c == MultiplierClass::kExact || c == MultiplierClass::kZeros) return "";
    if (c == MultiplierClass::kTransform && edited_products_are_exact(m, format)) return "";
    return product_form(m, /*fast=*/true, direction == Direction::kWgrad).product;
}

const std::vector<std::string> &product_names() {
    static const std::vector<std::string> names = {
        "ax_fpm_bits", "lmul_bits",      "log_bits",   "mantissa_table", "mbm",       "mbm_zeros",
        "mitchell",    "mitchell_zeros", "realm_bits", "roba",           "roba_bits", "rounded"};
    return names;
}

ProductForm product_form(const std::string &product) {
    ProductForm form;
    form.product = product;
    form.weight_words = product_weight_words(product);
    return form;
}

ProductForm product_form(const MantissaTable &table) {
    ProductForm form;
    form.product = "mantissa_table";
    form.arguments.correction = table.bits;
    form.table = &table;
    return form;
}

void make_words(const ProductForm &form, const float *weights, int64_t rows, int64_t panel,
                float *words) {
    const std::string &product = form.product;
    const auto make = product == "mitchell"         ? all_mitchell_words
                      : product == "mitchell_zeros" ? all_mitchell_zeros_words
                      : product == "mbm"            ? all_mbm_words
                      : product == "mbm_zeros"      ? all_mbm_zeros_words
                      : product == "roba"           ? all_roba_words
                                                    : nullptr;
    if (make != nullptr) {
        make(form, weights, rows, panel, words);
    } else {
        std::copy_n(weights, rows * panel, words);
    }
}

}  // namespace convwright
