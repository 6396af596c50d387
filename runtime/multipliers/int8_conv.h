// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "runtime/conv2d.h"
#include "runtime/multipliers/byte_planes.h"
#include "runtime/multipliers/byte_terms.h"
#include "runtime/multipliers/int8_cpu.h"

namespace convwright {

/// How a convolution of 8-bit operands is computed; all give the same bits.
enum class Int8Engine : int {
    kScalar = 0,   ///< Look-ups one by one: any table, any CPU.
    kTable = 1,    ///< Look-ups in vector registers (AVX-512 VBMI): any table.
    kLowRank = 2,  ///< Int8 dot products (AVX2, AVX-512 VNNI): tables that are sums of products.
};

const char *int8_engine_name(Int8Engine engine) noexcept;  ///< "scalar", "table", "low rank".

/// What a look-up costs in int8 products on `cpu`, for classify(): 19 G look-ups or 345 G products a
/// second with AVX-512 VBMI and VNNI, on a core at 3 GHz; 3.5 G and 40 G with AVX2.
int int8_table_cost(const Int8Cpu &cpu) noexcept;

/// What the engines need of a table. Made once, for all plans and threads.
struct Int8Table {
    Int8Table(const Table8 &table, const Classification &classification);

    BytePlanes planes;
    std::optional<ByteTerms> terms;  ///< Nullopt for a table of class kTable.
};

/// What runs for an fprop problem of 8-bit operands.
struct Int8Plan {
    ConvProblem problem;  ///< Only its sizes count.
    std::shared_ptr<const Int8Table> table;
    Int8Engine engine = Int8Engine::kScalar;
    Int8Cpu cpu;  ///< Instructions that the engine may use.
    uint8_t pad_value = 0;
    int64_t workspace = 0;  ///< Bytes of the packed weights.
};

/// The plan of the engine that is fastest on `cpu`, or of `engine`. `pad_value` is the byte that
/// stands outside of the input: its products count. Throws std::invalid_argument for an impossible
/// or too large problem, and for an engine that this table or CPU does not have.
Int8Plan int8_plan(const ConvProblem &problem, std::shared_ptr<const Int8Table> table,
                   uint8_t pad_value, const Int8Cpu &cpu = host_int8_cpu(),
                   std::optional<Int8Engine> engine = std::nullopt);

/// output(n, co, y, x) = sum over (ci, ky, kx) of T[a][w] in int32, which wraps around; a is the byte
/// of `input` at (n, ci, y * stride_h - pad_h + ky * dilation_h, ...) or pad_value, w that of
/// `weight` at (co, ci, ky, kx). Any strides, in elements; input and weight are bytes, output is
/// int32 and overlaps neither. `workspace` holds plan.workspace bytes, 64-byte aligned. The result
/// depends on neither engine nor threads. False if there is no memory for a task: the text is in
/// `context`. Thread-safe.
bool run_int8_conv(CallContext &context, const Int8Plan &plan, const Activation &input,
                   const Weight &weight, const Activation &output, void *workspace);

}  // namespace convwright
