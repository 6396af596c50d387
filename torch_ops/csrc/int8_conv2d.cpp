// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/int8_conv2d.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>

#include "runtime/cache_folder.h"
#include "runtime/multipliers/classification_cache.h"
#include "runtime/trace.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {
namespace {

constexpr size_t kTablesKept = 8;

[[noreturn]] void refuse(const std::string &sentence) {
    throw std::runtime_error("convwright: " + sentence);
}

KnownTable make_known(const Table8 &table) {
    const std::string folder = cache_folder();
    KnownTable known;
    const int cost = int8_table_cost(host_int8_cpu());
    known.classification =
        folder.empty() ? classify(table, cost) : classify_cached(folder, table, cost);
    known.table = std::make_shared<const Int8Table>(table, known.classification);
    return known;
}

Tensor empty_int32(const Quad &sizes, const Quad &strides) {
    return new_tensor(4, sizes.data(), strides.data(), aoti_torch_dtype_int32(), Place::cpu());
}

Activation bytes_of(const Tensor &t) {
    const Quad strides = strides_of(t);
    return {t.const_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
}

}  // namespace

KnownTable known_table(const Tensor &t, bool is_signed) {
    if (t.scalar_type() != ScalarType::Int) {
        refuse("a table of products is an int32 tensor; convert it with .to(torch.int32).");
    }
    const Tensor dense = new_copy(t);
    const auto *entries = static_cast<const int32_t *>(dense.const_data_ptr());
    const auto count = static_cast<size_t>(dense.numel());

    struct Entry {
        Table8 table;
        KnownTable known;
    };
    static std::mutex mutex;
    static std::deque<Entry> entries_kept;  // the last used first
    if (count == Table8::kEntries) {
        const std::lock_guard<std::mutex> lock(mutex);
        const auto found =
            std::find_if(entries_kept.begin(), entries_kept.end(), [&](const Entry &e) {
                return e.table.is_signed == is_signed &&
                       std::memcmp(e.table.values.data(), entries, count * sizeof *entries) == 0;
            });
        if (found != entries_kept.end()) {
            std::rotate(entries_kept.begin(), found, found + 1);
            return entries_kept.front().known;
        }
    }
    TableResult made = make_table(is_signed, entries, count);
    if (!made.table) refuse(made.error);
    Entry entry{std::move(*made.table), {}};
    entry.known = make_known(entry.table);
    const std::lock_guard<std::mutex> lock(mutex);
    entries_kept.push_front(std::move(entry));
    if (entries_kept.size() > kTablesKept) entries_kept.pop_back();
    return entries_kept.front().known;
}

Tensor approx_int8_conv2d(const Tensor &input, const Tensor &weight, const IntList &stride,
                          const IntList &padding, const IntList &dilation, int64_t groups,
                          const Tensor &table, int64_t pad_value) {
    const ScalarType dtype = input.scalar_type();
    if ((dtype != ScalarType::Char && dtype != ScalarType::Byte) || weight.scalar_type() != dtype) {
        refuse("approx_int8_conv2d takes input and weight that are both int8 or both uint8.");
    }
    const bool is_signed = dtype == ScalarType::Char;
    const int64_t least = is_signed ? -128 : 0;
    if (pad_value < least || pad_value > least + 255) {
        refuse("pad_value " + std::to_string(pad_value) +
               " is not a number of the input's dtype, " +
               (is_signed ? "-128 to 127." : "0 to 255."));
    }
    ConvProblem p = check_conv2d(input, weight, std::nullopt, {stride, padding, dilation, groups});
    p.direction = Direction::kFprop;
    p.format = output_format(input, weight);
    const KnownTable known = known_table(table, is_signed);
    const Quad sizes{p.n, p.co, p.oh(), p.ow()}, strides = dense_strides(sizes, p.format);
    const Tensor output = empty_int32(sizes, strides);
    if (why_impossible(p) != nullptr || output.numel() == 0) {
        std::fill_n(static_cast<int32_t *>(output.mutable_data_ptr()), output.numel(), 0);
        return output;
    }
    if (const char *why = why_too_large(p)) refuse(std::string(why) + ".");
    const Int8Plan plan = int8_plan(p, known.table, static_cast<uint8_t>(pad_value));
    if (Trace::on()) {
        Trace::add(format_problem(p) + "\t" + int8_engine_name(plan.engine) + "\t" +
                   describe(known.classification) + "\t" + isa_name(host_isa()));
    }
    Workspace workspace((plan.workspace + 3) / 4);
    CallContext context;
    const Quad w = strides_of(weight);
    const bool success = run_int8_conv(
        context, plan, bytes_of(input), {weight.const_data_ptr(), w[0], w[1], w[2], w[3]},
        {output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]},
        workspace.data());
    require_success(success, context, format_problem(p), int8_engine_name(plan.engine));
    return output;
}

}  // namespace convwright
