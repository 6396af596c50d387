// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/byte_product.h"

#include "runtime/multipliers/device_table.h"

namespace convwright {
namespace {

const std::string kManyTerms = "dot_s8x";

/// What stands behind the 'x': 2 to kDeviceTableCost, of which no table that is multiplied has more.
std::optional<int> terms_of(const std::string &text) {
    if (text.empty() || text.size() > 2 || text[0] == '0' ||
        text.find_first_not_of("0123456789") != std::string::npos)
        return std::nullopt;
    const int terms = std::stoi(text);
    return terms < 2 || terms > kDeviceTableCost ? std::nullopt : std::optional<int>(terms);
}

}  // namespace

std::string format_byte_product(const ByteProduct &product) {
    return product.name + (product.terms > 1 ? "x" + std::to_string(product.terms) : "");
}

std::optional<ByteProduct> find_byte_product(const std::string &text) {
    for (const char *name : {"dot_s8", "dot_u8", "table16", "table32"})
        if (text == name) return ByteProduct{name};
    if (text.compare(0, kManyTerms.size(), kManyTerms) != 0) return std::nullopt;
    const std::optional<int> terms = terms_of(text.substr(kManyTerms.size()));
    if (!terms) return std::nullopt;
    return ByteProduct{"dot_s8", *terms};
}

ByteProduct usual_byte_product(const Multiplier &multiplier, NumberFormat format) {
    const Table8 table{format == NumberFormat::kInt8, product_table(multiplier, format)};
    return device_table(table, classify(table, kDeviceTableCost)).by();
}

}  // namespace convwright
