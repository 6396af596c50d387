// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/product_model.h"

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

#include "runtime/cuda/approx_plan.h"

namespace convwright {
namespace {

/// Multipliers by whose forms a product is verified, in turn.
struct Example {
    const char *product;
    bool fast;         ///< For operands whose products stay normal.
    bool takes_zeros;  ///< Of weights; pixels may always be zero.
    Multiplier multipliers[2];
};
constexpr Example kExamples[] = {
    {"ax_fpm_bits", false, true, {{Model::kAxFpm, 0}, {Model::kAxFpm, 0}}},
    {"lmul_bits", false, true, {{Model::kLmul, 3}, {Model::kLmul, 23}}},
    {"log_bits", false, true, {{Model::kMbm, 3}, {Model::kMitchell, 0}}},
    {"mbm", true, false, {{Model::kMbm, 0}, {Model::kMbm, 16}}},
    {"mbm_zeros", true, true, {{Model::kMbm, 0}, {Model::kMbm, 16}}},
    {"mitchell", true, false, {{Model::kLmul, 3}, {Model::kMitchell, 0}}},
    {"mitchell_zeros", true, true, {{Model::kLmul, 3}, {Model::kMitchell, 0}}},
    {"realm_bits", false, true, {{Model::kRealm, 4}, {Model::kRealm, 4}}},
    {"roba", true, true, {{Model::kRoba, 0}, {Model::kRoba, 0}}},
    {"roba_bits", false, true, {{Model::kRoba, 0}, {Model::kRoba, 0}}},
};

/// Null for those that need none: they take all operands.
const Example *example_of(const std::string &product) {
    for (const Example &example : kExamples)
        if (product == example.product) return &example;
    return nullptr;
}

/// What tensors of a product hold.
struct Kind {
    bool zeros, everything, infinity;
};

/// All lie within 2^-4 and 2^5, but for those that only forms for any operands take.
void fill(Values &values, std::mt19937 &random, Kind kind) {
    for (float &value : values) {
        const auto choice = random() % 16;
        const auto any = static_cast<float>(random() % (1 << 23)) / (1 << 23);
        // MBM has a corner near 2.
        const float fraction = choice < 4 ? 1.96f + 0.0399f * any : 1 + any;
        value = std::ldexp(fraction, static_cast<int>(random() % 9) - 4);
        if (kind.zeros && choice == 15) value = 0;
        if (kind.everything && choice == 14) value = 1e-30f;
        if (kind.everything && choice == 13) value = 1e-40f;
        if (random() % 2 != 0) value = -value;
    }
    // One of each: where they meet sums are NaN, which shows little.
    if (kind.everything && !values.empty()) values[values.size() / 2] = 3e38f;
    if (kind.infinity && !values.empty()) values[0] = std::numeric_limits<float>::infinity();
}

}  // namespace

MantissaTable odd_table(int bits, uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<int32_t> entries(size_t{1} << (2 * bits));
    for (int32_t &entry : entries) entry = static_cast<int32_t>(random() % (1 << 24));
    return *make_mantissa_table(entries.data(), entries.size()).table;
}

std::shared_ptr<const ProductModel> product_model(const std::string &product, uint32_t seed) {
    const auto model = std::make_shared<ProductModel>();
    if (const Example *example = example_of(product)) {
        const Multiplier multiplier = example->multipliers[seed % 2 == 1 ? 0 : 1];
        // "mbm" and "mitchell" are what fast forms are without zeros.
        model->form = product_form(multiplier, example->fast, example->takes_zeros);
        for (const ProductForm &form : cuda::device_forms(multiplier))
            if (!model->forms.empty() || form.product == product) model->forms.push_back(form);
        model->times = [multiplier](float a, float b) {
            return convwright::product(multiplier, NumberFormat::kFloat32, a, b);
        };
    } else if (product == "rounded") {
        model->form = product_form(product);
        model->times = [](float a, float b) { return a * b; };  // of operands that were edited
    } else if (product == "mantissa_table") {
        model->table = odd_table(seed % 2 == 1 ? 7 : 4, seed);
        model->form = product_form(model->table);
        model->times = [&table = model->table](float a, float b) {
            return table_product(table, a, b);
        };
    } else {
        throw std::invalid_argument("'" + product +
                                    "' is no approximate product; product_names() has them.");
    }
    if (model->forms.empty()) model->forms = {model->form};
    return model;
}

ConvValues product_values(const ConvProblem &p, const std::string &product, uint32_t seed,
                          bool everything) {
    const Example *example = example_of(product);
    const bool fast = example != nullptr && example->fast;
    const bool zeros = example == nullptr || example->takes_zeros;
    std::mt19937 random(seed);
    ConvValues values = integer_values(p, seed);
    const auto filled = [&](Values &tensor, bool weights) {
        // An infinite weight times the zeros of the padding would be NaN in too many sums.
        fill(tensor, random,
             {zeros || !weights, everything && !fast, everything && !fast && !weights});
    };
    filled(values.input, false);
    filled(values.weight, true);
    // wgrad packs the gradient as its weight.
    filled(values.output, p.direction == Direction::kWgrad);
    fill(values.bias, random, {true, false, false});
    return values;
}

}  // namespace convwright
