// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/multipliers.h"

#include <torch/csrc/inductor/aoti_torch/c/shim.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "runtime/multipliers/error_figures.h"
#include "torch_ops/csrc/known_tables.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {
namespace {

constexpr int64_t kSampledPairs = 1000000;

[[noreturn]] void refuse(const std::string &sentence) {
    throw std::runtime_error("convwright: " + sentence);
}

/// A new CPU tensor without gaps.
Tensor empty_dense(const std::vector<int64_t> &sizes, int32_t type) {
    std::vector<int64_t> strides(sizes.size(), 1);
    for (size_t d = sizes.size(); d-- > 1;) strides[d - 1] = strides[d] * sizes[d];
    return new_tensor(static_cast<int64_t>(sizes.size()), sizes.data(), strides.data(), type,
                      Place::cpu());
}

std::vector<int64_t> all_sizes(const Tensor &t) {
    const auto sizes = t.sizes();
    return {sizes.begin(), sizes.end()};
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

std::string json(const std::string &kind, const std::string &engine, const std::optional<int> &rank,
                 const std::optional<int> &products, const ErrorFigures &figures) {
    const auto optional = [](const std::optional<int> &value) {
        return value ? std::to_string(*value) : "null";
    };
    return "{\"class\": \"" + kind + "\", \"engine\": \"" + engine +
           "\", \"rank\": " + optional(rank) + ", \"products\": " + optional(products) +
           ", \"mean_abs\": " + number(figures.mean_abs) + ", \"bias\": " + number(figures.bias) +
           ", \"min\": " + number(figures.min) + ", \"max\": " + number(figures.max) + "}";
}

const char *engine_of(TableClass kind) {
    switch (kind) {
        case TableClass::kZero:
            return "none: every product is 0";
        case TableClass::kTable:
            return "8-bit table";
        default:
            return "int8 dot products";
    }
}

/// Of the entries of a table, an int32 tensor that known_table() takes.
std::string json_of_table(const Tensor &table, bool is_signed) {
    const Classification c = known_table(table, is_signed)->classification;
    std::optional<int> products;
    if (c.kind != TableClass::kTable) products = c.predicted_cost();
    const Tensor dense = new_copy(table);
    const auto *entries = static_cast<const int32_t *>(dense.const_data_ptr());
    return json(table_class_name(c.kind), engine_of(c.kind), c.rank, products,
                exhaustive_error({entries, entries + dense.numel()}, is_signed));
}

template<typename Operand, typename Result>
void fill_products(const Multiplier &m, NumberFormat format, const Tensor &a, const Tensor &b,
                   const Tensor &to) {
    const auto *x = static_cast<const Operand *>(a.const_data_ptr());
    const auto *y = static_cast<const Operand *>(b.const_data_ptr());
    auto *result = static_cast<Result *>(to.mutable_data_ptr());
    for (int64_t i = 0; i < to.numel(); i++) result[i] = product(m, format, x[i], y[i]);
}

/// Of a table of fractions.
void require_int32(const Tensor &entries) {
    if (entries.scalar_type() == ScalarType::Int) return;
    refuse("a table of fractions is an int32 tensor; convert it with .to(torch.int32).");
}

}  // namespace

Multiplier multiplier_of(const std::string &name) {
    const auto parsed = parse_multiplier(name);
    if (const auto *error = std::get_if<std::string>(&parsed)) refuse(*error);
    return std::get<Multiplier>(parsed);
}

NumberFormat number_format_of(const std::string &name) {
    if (const auto format = find_number_format(name)) return *format;
    refuse("there is no number format '" + name +
           "'; there are float32, bfloat16, int8 and uint8.");
}

void require_format(const Multiplier &multiplier, NumberFormat format) {
    const std::string why = why_unsupported(multiplier, format);
    if (!why.empty()) refuse(why);
}

Tensor approx_product(const Tensor &a, const Tensor &b, const std::string &multiplier,
                      const std::string &number_format) {
    const Multiplier m = multiplier_of(multiplier);
    const NumberFormat format = number_format_of(number_format);
    require_format(m, format);
    const ScalarType expected = format == NumberFormat::kInt8    ? ScalarType::Char
                                : format == NumberFormat::kUint8 ? ScalarType::Byte
                                                                 : ScalarType::Float;
    if (a.scalar_type() != expected || b.scalar_type() != expected) {
        refuse("approx_product in " + number_format + " takes two tensors of " +
               (expected == ScalarType::Float ? "float32" : number_format) + ".");
    }
    if (all_sizes(a) != all_sizes(b)) refuse("approx_product takes two tensors of the same sizes.");
    const Tensor x = new_copy(a), y = new_copy(b);
    if (expected == ScalarType::Float) {
        const Tensor result = empty_dense(all_sizes(a), aoti_torch_dtype_float32());
        fill_products<float, float>(m, format, x, y, result);
        return result;
    }
    const Tensor result = empty_dense(all_sizes(a), aoti_torch_dtype_int32());
    expected == ScalarType::Char ? fill_products<int8_t, int32_t>(m, format, x, y, result)
                                 : fill_products<uint8_t, int32_t>(m, format, x, y, result);
    return result;
}

std::shared_ptr<const MantissaTable> mantissa_table_of(const Tensor &entries) {
    require_int32(entries);
    const Tensor dense = new_copy(entries);
    MantissaTableResult made = make_mantissa_table(
        static_cast<const int32_t *>(dense.const_data_ptr()), static_cast<size_t>(dense.numel()));
    if (!made.table) refuse(made.error + ".");
    return std::make_shared<const MantissaTable>(std::move(*made.table));
}

Tensor device_mantissa_table(const Tensor &entries) {
    require_int32(entries);
    if (mantissa_table_bits(static_cast<size_t>(entries.numel())) == 0) {
        refuse("a table of fractions of m bits has 4^m entries, m from 1 to 11, not " +
               std::to_string(entries.numel()) + ".");
    }
    return new_copy(entries);
}

Tensor mantissa_product(const Tensor &a, const Tensor &b, const Tensor &mantissa_table) {
    const auto table = mantissa_table_of(mantissa_table);
    if (a.scalar_type() != ScalarType::Float || b.scalar_type() != ScalarType::Float) {
        refuse("mantissa_product takes two tensors of float32.");
    }
    if (all_sizes(a) != all_sizes(b)) refuse("mantissa_product takes tensors of the same sizes.");
    const Tensor x = new_copy(a), y = new_copy(b);
    const Tensor result = empty_dense(all_sizes(a), aoti_torch_dtype_float32());
    const auto *xs = static_cast<const float *>(x.const_data_ptr());
    const auto *ys = static_cast<const float *>(y.const_data_ptr());
    auto *to = static_cast<float *>(result.mutable_data_ptr());
    for (int64_t i = 0; i < result.numel(); i++) to[i] = table_product(*table, xs[i], ys[i]);
    return result;
}

std::string describe_mantissa_table(const Tensor &mantissa_table) {
    const auto table = mantissa_table_of(mantissa_table);
    ErrorTally tally;  // over all pairs of the fractions that it has
    const int side = 1 << table->bits;
    for (int i = 0; i < side; i++) {
        for (int j = 0; j < side; j++) {
            const double a = 1 + static_cast<double>(i) / side;
            const double b = 1 + static_cast<double>(j) / side;
            tally.add(table_product(*table, static_cast<float>(a), static_cast<float>(b)), a * b);
        }
    }
    return json("table", "table of fractions", std::nullopt, std::nullopt, tally.figures());
}

Tensor product_table_op(const std::string &multiplier, const std::string &number_format) {
    const Multiplier m = multiplier_of(multiplier);
    const NumberFormat format = number_format_of(number_format);
    if (format != NumberFormat::kInt8 && format != NumberFormat::kUint8) {
        refuse("tables of products exist in int8 and uint8, not in " + number_format + ".");
    }
    require_format(m, format);
    const std::vector<int32_t> table = product_table(m, format);
    const Tensor result =
        empty_dense({static_cast<int64_t>(table.size())}, aoti_torch_dtype_int32());
    std::memcpy(result.mutable_data_ptr(), table.data(), table.size() * sizeof(int32_t));
    return result;
}

std::string parse_multiplier_op(const std::string &text) {
    return format_multiplier(multiplier_of(text));
}

std::string multiplier_formats(const std::string &multiplier) {
    std::string text;
    for (const NumberFormat format : formats(multiplier_of(multiplier))) {
        text += (text.empty() ? "" : ",") + std::string(number_format_name(format));
    }
    return text;
}

std::string describe_multiplier(const std::string &multiplier, const std::string &number_format) {
    const Multiplier m = multiplier_of(multiplier);
    const NumberFormat format = number_format_of(number_format);
    require_format(m, format);
    if (format == NumberFormat::kInt8 || format == NumberFormat::kUint8) {
        return json_of_table(product_table_op(multiplier, number_format),
                             format == NumberFormat::kInt8);
    }
    const ErrorFigures figures = sampled_error(m, format, kSampledPairs);
    switch (multiplier_class(m, format)) {
        case MultiplierClass::kExact:
            return json("exact", "exact convolution", std::nullopt, std::nullopt, figures);
        case MultiplierClass::kZeros:
            return json("zeros", "none: every product is 0", std::nullopt, std::nullopt, figures);
        case MultiplierClass::kTransform:
            return json("transform", "transformed operands, exact convolution", 1, std::nullopt,
                        figures);
        case MultiplierClass::kLowRank:
            return json("low rank", "products in registers", 2, std::nullopt, figures);
        case MultiplierClass::kLog:
            return json("log", "packed operands in registers", std::nullopt, std::nullopt, figures);
        case MultiplierClass::kTable:
            break;
    }
    refuse("tables exist in int8 and uint8.");
}

std::string describe_table(const Tensor &table, bool is_signed) {
    return json_of_table(table, is_signed);
}

}  // namespace convwright
