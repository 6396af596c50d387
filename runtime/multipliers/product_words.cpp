// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/product_words.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace convwright {
namespace {

constexpr int32_t kFraction = 0x007fffff, kOne = 0x3f800000, kMagnitude = 0x7fffffff;
constexpr int32_t kLeastNormal = 0x00800000, kFour = 0x40800000;
constexpr int kFractionBits = 23;

int32_t to_bits(float value) {
    int32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}
float from_bits(int32_t bits) {
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
        form.weight_words = zeros ? 2 : 1;
        return form;
    }
    const float c = std::ldexp(static_cast<float>(plain), -kFractionBits);
    form.product = zeros ? "mbm_zeros" : "mbm";
    form.weight_words = 3;
    form.constant = c - std::ldexp(1.0f, -27);
    form.threshold = to_bits(4.0f - c);
    form.arguments.correction = form.threshold;
    return form;
}

ProductForm lmul_form(int mantissa_bits, bool fast, bool zeros) {
    ProductForm form;
    form.arguments.keep = -(1 << (kFractionBits - mantissa_bits));
    const int l = mantissa_bits <= 3 ? mantissa_bits : mantissa_bits == 4 ? 3 : 4;
    form.arguments.correction = 1 << (kFractionBits - l);
    form.product = !fast ? "lmul_bits" : zeros ? "mitchell_zeros" : "mitchell";
    form.weight_words = fast && zeros ? 2 : 1;
    return form;
}

/// One weight's words, from its bits; padding lanes look as zeros do.
using MakeWords = void (*)(const ProductForm &, float weight, float *words, int64_t stride);

int32_t edited(const ProductForm &form, int32_t bits) {
    return (bits & form.arguments.keep) | form.arguments.set;
}
bool counts_as_zero(float weight) { return (to_bits(weight) & kMagnitude) < kLeastNormal; }
int32_t power_bits(float weight) { return to_bits(weight) & ~kFraction; }

/// L-Mul is Mitchell with a constant added to the logarithm of the weight.
int32_t log_constant(const ProductForm &form) { return form.arguments.correction; }

void mitchell_words(const ProductForm &form, float weight, float *words, int64_t) {
    const int32_t bits = counts_as_zero(weight) ? kOne : to_bits(weight);
    words[0] = from_bits(edited(form, bits) + log_constant(form));
}
void mitchell_zeros_words(const ProductForm &form, float weight, float *words, int64_t stride) {
    const int32_t fraction = edited(form, to_bits(weight) & kFraction);
    words[0] = from_bits((fraction | kOne) + log_constant(form));
    words[stride] = counts_as_zero(weight) ? 0.0f : from_bits(power_bits(weight));
}
void mbm_words(const ProductForm &form, float weight, float *words, int64_t stride) {
    const float w = counts_as_zero(weight) ? 1.0f : weight;
    words[0] = from_bits(edited(form, to_bits(w)));
    words[stride] = from_bits(power_bits(w) + (form.threshold - kOne));
    words[2 * stride] = from_bits(power_bits(w)) * form.constant;
}
void mbm_zeros_words(const ProductForm &form, float weight, float *words, int64_t stride) {
    const float power = counts_as_zero(weight) ? 0.0f : from_bits(power_bits(weight));
    words[0] = from_bits(edited(form, to_bits(weight) & kFraction) | kOne);
    words[stride] = power;
    words[2 * stride] = power * form.constant;
}
void roba_words(const ProductForm &, float weight, float *words, int64_t stride) {
    const int32_t up = to_bits(weight) & (kLeastNormal >> 1) ? kLeastNormal : 0;
    const float nearest = counts_as_zero(weight) ? 0.0f : from_bits(power_bits(weight) + up);
    words[0] = nearest;
    words[stride] = counts_as_zero(weight) ? 0.0f : weight - nearest;
}
void itself(const ProductForm &, float weight, float *words, int64_t) { words[0] = weight; }

MakeWords maker(const std::string &product) {
    if (product == "mitchell") return mitchell_words;
    if (product == "mitchell_zeros") return mitchell_zeros_words;
    if (product == "mbm") return mbm_words;
    if (product == "mbm_zeros") return mbm_zeros_words;
    if (product == "roba") return roba_words;
    return itself;
}

}  // namespace

ProductForm product_form(const Multiplier &m, bool fast, bool zeros) {
    ProductForm form;
    switch (m.model) {
        case Model::kMbm:
            return mbm_form(m.parameter, fast, zeros);
        case Model::kLmul:
            return lmul_form(m.parameter, fast, zeros);
        case Model::kMitchell:
        case Model::kPam:
            form.product = !fast ? "log_bits" : zeros ? "mitchell_zeros" : "mitchell";
            form.weight_words = fast && zeros ? 2 : 1;
            return form;
        case Model::kRoba:
            form.product = fast ? "roba" : "roba_bits";
            form.weight_words = fast ? 2 : 1;
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

void make_words(const ProductForm &form, const float *weights, int64_t rows, int64_t panel,
                float *words) {
    const MakeWords make = maker(form.product);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t lane = 0; lane < panel; lane++) {
            make(form, weights[row * panel + lane], words + row * panel * form.weight_words + lane,
                 panel);
        }
    }
}

}  // namespace convwright
