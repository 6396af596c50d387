// SPDX-License-Identifier: Apache-2.0
#include "autotune/verify/byte_model.h"

#include <algorithm>
#include <bit>
#include <random>

namespace convwright {
namespace {

/// A sum of int8 products whose shifts are all over the 32 bits.
Classification of_terms(int terms, std::mt19937 &random) {
    Classification c;
    c.kind = TableClass::kLowRank;
    for (int t = 0; t < terms; t++) {
        DigitProduct term;
        for (auto *factor : {&term.activation, &term.weight})
            for (int8_t &digit : *factor) digit = static_cast<int8_t>(random());
        term.shift = static_cast<int>(random() % 24);
        c.low_rank.terms.push_back(term);
    }
    return c;
}

/// Factors of 0 to 255, transformed.
Classification of_natural_factors(std::mt19937 &random) {
    Classification c;
    c.kind = TableClass::kTransform;
    for (auto *factor : {&c.transform.activation, &c.transform.weight})
        for (int32_t &value : *factor) value = static_cast<int32_t>(random() % 256);
    c.transform.shift = static_cast<int>(random() % 12);
    return c;
}

/// The entry of a classification that is no table, modulo 2^32.
uint32_t entry_of(const Classification &c, size_t a, size_t w) {
    const auto product = [](int32_t x, int32_t y, int shift) {
        return static_cast<uint32_t>(x) * static_cast<uint32_t>(y) << shift;
    };
    if (c.kind == TableClass::kTransform)
        return product(c.transform.activation[a], c.transform.weight[w], c.transform.shift);
    uint32_t sum = 0;
    for (const DigitProduct &term : c.low_rank.terms)
        sum += product(term.activation[a], term.weight[w], term.shift);
    return sum;
}

}  // namespace

std::shared_ptr<const ByteModel> byte_model(const ByteProduct &product, uint32_t seed) {
    std::mt19937 random(seed);
    const Classification c = product.looks_up()         ? Classification{}
                             : product.name == "dot_u8" ? of_natural_factors(random)
                                                        : of_terms(product.terms, random);
    const auto model = std::make_shared<ByteModel>();
    model->pad_value = static_cast<uint8_t>(1 + random() % 255);
    model->table.is_signed = seed % 2 == 1;
    model->table.values.resize(Table8::kEntries);
    const auto least = static_cast<int32_t>(random() % 100000) - 50000;
    for (size_t i = 0; i < Table8::kEntries; i++) {
        int32_t &entry = model->table.values[i];
        if (product.name == "table16") {
            entry = least + static_cast<int32_t>(random() % 65536);
        } else if (product.name == "table32") {
            entry = static_cast<int32_t>(random());
        } else {
            entry = static_cast<int32_t>(entry_of(c, i / 256, i % 256));
        }
    }
    model->device = device_table(model->table, c);
    return model;
}

ConvValues byte_values(const ConvProblem &p, uint32_t seed) {
    ConvValues values = integer_values(p, seed);
    std::mt19937 random(seed);
    for (Values *bytes : {&values.input, &values.weight})
        for (float &byte : *bytes) byte = static_cast<float>(random() >> 11 & 255);
    values.bytes = true;
    return values;
}

Values byte_sums(const ConvProblem &p, const ConvValues &values, const ByteModel &model,
                 const std::vector<int64_t> &numbers) {
    const int64_t ci = p.ci / p.groups, co = p.co / p.groups;
    const auto pixel = [&](int64_t n, int64_t c, int64_t y, int64_t x) -> int {
        if (y < 0 || y >= p.ih || x < 0 || x >= p.iw) return model.pad_value;
        return static_cast<int>(values.input[((n * p.ci + c) * p.ih + y) * p.iw + x]);
    };
    Values sums;
    for (const int64_t number : numbers) {
        const int64_t x = number % p.ow(), y = number / p.ow() % p.oh();
        const int64_t c = number / p.ow() / p.oh() % p.co, n = number / p.ow() / p.oh() / p.co;
        uint32_t sum = 0;
        for (int64_t k = 0; k < ci; k++)
            for (int64_t ky = 0; ky < p.kh; ky++)
                for (int64_t kx = 0; kx < p.kw; kx++) {
                    const int a =
                        pixel(n, c / co * ci + k, y * p.stride_h - p.pad_h + ky * p.dilation_h,
                              x * p.stride_w - p.pad_w + kx * p.dilation_w);
                    const float w = values.weight[((c * ci + k) * p.kh + ky) * p.kw + kx];
                    sum += static_cast<uint32_t>(model.table.at(a, static_cast<int>(w)));
                }
        sums.push_back(std::bit_cast<float>(sum));
    }
    return sums;
}

}  // namespace convwright
