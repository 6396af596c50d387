// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <memory>
#include <string>

#include "runtime/multipliers/mantissa_table.h"
#include "runtime/multipliers/multiplier.h"

namespace convwright {

using torch::stable::Tensor;

/// The multiplier or format of a name. RuntimeError, one sentence that lists what is accepted.
Multiplier multiplier_of(const std::string &name);
NumberFormat number_format_of(const std::string &name);
/// RuntimeError, one sentence, unless the multiplier exists in the format.
void require_format(const Multiplier &multiplier, NumberFormat format);

/// The entries of an int32 tensor as a table. RuntimeError, one sentence, for another tensor.
std::shared_ptr<const MantissaTable> mantissa_table_of(const Tensor &entries);
/// Such a tensor of a GPU without gaps. Entries are not looked at, for that would wait for the device;
/// what is no entry of a table makes wrong products, no wrong accesses.
Tensor device_mantissa_table(const Tensor &entries);

// Operators. Products are those of the scalar references.
Tensor approx_product(const Tensor &a, const Tensor &b, const std::string &multiplier,
                      const std::string &number_format);
Tensor product_table_op(const std::string &multiplier, const std::string &number_format);
std::string parse_multiplier_op(const std::string &text);
std::string multiplier_formats(const std::string &multiplier);
/// JSON: class, engine, rank, products, mean_abs, bias, min, max (percent).
std::string describe_multiplier(const std::string &multiplier, const std::string &number_format);
Tensor mantissa_product(const Tensor &a, const Tensor &b, const Tensor &mantissa_table);
std::string describe_mantissa_table(const Tensor &mantissa_table);
std::string describe_table(const Tensor &table, bool is_signed);

}  // namespace convwright
