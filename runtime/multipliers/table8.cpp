// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table8.h"

namespace convwright {
namespace {

template<typename T>
TableResult make(bool is_signed, const T *entries, size_t count) {
    if (count != Table8::kEntries) {
        return {std::nullopt, "A table of 8-bit products has 65536 entries (256 x 256), not " +
                                  std::to_string(count) + "."};
    }
    return {Table8{is_signed, std::vector<int32_t>(entries, entries + count)}, ""};
}

}  // namespace

TableResult make_table(bool is_signed, const int16_t *entries, size_t count) {
    return make(is_signed, entries, count);
}

TableResult make_table(bool is_signed, const uint16_t *entries, size_t count) {
    return make(is_signed, entries, count);
}

TableResult make_table(bool is_signed, const int32_t *entries, size_t count) {
    return make(is_signed, entries, count);
}

uint64_t fnv1a(const void *bytes, size_t size, uint64_t hash) {
    const auto *p = static_cast<const unsigned char *>(bytes);
    for (size_t i = 0; i < size; i++) hash = (hash ^ p[i]) * 0x100000001b3;
    return hash;
}

uint64_t table_hash(const Table8 &table) {
    const unsigned char signedness = table.is_signed ? 1 : 0;
    uint64_t hash = fnv1a(&signedness, 1);
    for (const int32_t value : table.values) {
        const auto bits = static_cast<uint32_t>(value);
        const unsigned char bytes[] = {
            static_cast<unsigned char>(bits), static_cast<unsigned char>(bits >> 8),
            static_cast<unsigned char>(bits >> 16), static_cast<unsigned char>(bits >> 24)};
        hash = fnv1a(bytes, sizeof bytes, hash);
    }
    return hash;
}

}  // namespace convwright
