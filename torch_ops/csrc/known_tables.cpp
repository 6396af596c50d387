// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/known_tables.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/ops.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/cache_folder.h"
#include "runtime/multipliers/classification_cache.h"
#include "runtime/multipliers/last_tables.h"
#include "torch_ops/csrc/layout.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {
namespace {

[[noreturn]] void refuse(const std::string &sentence) {
    throw std::runtime_error("convwright: " + sentence);
}

Classification classified(const Table8 &table, int table_cost) {
    const std::string folder = cache_folder();
    return folder.empty() ? classify(table, table_cost)
                          : classify_cached(folder, table, table_cost);
}

template<typename Known, typename Make>
std::shared_ptr<const Known> known(LastTables<Known> &tables, const Tensor &t, bool is_signed,
                                   Make make) {
    if (t.scalar_type() != ScalarType::Int || t.is_cuda()) {
        refuse(
            "a table of products is an int32 tensor on the CPU; convert it with "
            ".to(\"cpu\", torch.int32).");
    }
    const Tensor dense = new_copy(t);
    const auto *entries = static_cast<const int32_t *>(dense.const_data_ptr());
    const auto count = static_cast<size_t>(dense.numel());
    if (count == Table8::kEntries) {
        if (auto found = tables.find(is_signed, entries)) return found;
    }
    TableResult made = make_table(is_signed, entries, count);
    if (!made.table) refuse(made.error);
    Known result = make(*made.table);
    return tables.add(std::move(*made.table), std::move(result));
}

}  // namespace

std::shared_ptr<const KnownTable> known_table(const Tensor &table, bool is_signed) {
    static LastTables<KnownTable> tables;
    return known(tables, table, is_signed, [](const Table8 &t) {
        const Classification c = classified(t, int8_table_cost(host_int8_cpu()));
        return KnownTable{c, std::make_shared<const Int8Table>(t, c)};
    });
}

std::shared_ptr<const KnownDeviceTable> known_device_table(const Tensor &table, bool is_signed) {
    static LastTables<KnownDeviceTable> tables;
    return known(tables, table, is_signed, [](const Table8 &t) {
        const Classification c = classified(t, kDeviceTableCost);
        return KnownDeviceTable{c, device_table(t, c)};
    });
}

Tensor int8_device_table(const Tensor &table, bool is_signed) {
    const auto known = known_device_table(table, is_signed);
    const std::vector<int32_t> &words = known->table.words;
    const int64_t count = static_cast<int64_t>(words.size()), stride = 1;
    AtenTensorHandle handle = nullptr;
    const Place cpu = Place::cpu();
    TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(1, &count, &stride, aoti_torch_dtype_int32(),
                                                    cpu.device_type, cpu.index, &handle));
    const Tensor result(handle);
    std::memcpy(result.mutable_data_ptr(), words.data(), words.size() * sizeof words[0]);
    return result;
}

}  // namespace convwright
