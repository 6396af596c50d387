// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "autotune/verify/guarded_floats.h"
#include "runtime/multipliers/int8_conv.h"

namespace convwright {

/// How a test tensor lies in memory.
enum class Layout : int { kNchw, kNhwc, kNchwGaps, kNhwcGaps };
inline constexpr Layout kLayouts[] = {Layout::kNchw, Layout::kNhwc, Layout::kNchwGaps,
                                      Layout::kNhwcGaps};
const char *layout_name(Layout layout);

/// Strides of [n, c, h, w] in `layout`, and the elements from the first to behind the last.
struct Strides {
    int64_t n, c, h, w, extent;
    Strides(int64_t sn, int64_t sc, int64_t sh, int64_t sw, Layout layout);
};

/// A table, its class and a name for messages.
struct NamedTable {
    std::string name;
    Table8 table;
    std::shared_ptr<const Int8Table> prepared;
    NamedTable(std::string name, Table8 table);
};

/// One way to compute: an engine with the instructions it may use.
struct EngineForm {
    std::string name;
    Int8Engine engine;
    Int8Cpu cpu;
};
/// Those of this CPU for the table, the scalar one first.
std::vector<EngineForm> engine_forms(const NamedTable &table);

/// Memory formats of a call's tensors, and where they lie.
struct Int8Layouts {
    Layout input, weight, output;
    Placement placement;
};

/// A problem with bytes for all operands, dense [n, c, h, w] and [co, ci, kh, kw].
struct Int8Problem {
    ConvProblem problem;
    uint8_t pad_value;
    std::vector<uint8_t> input, weight;

    Int8Problem(const ConvProblem &problem, uint8_t pad_value, uint32_t seed);

    /// The definition, as written.
    std::vector<int32_t> definition(const Table8 &table) const;
    using Call = std::function<bool(CallContext &, const Activation &input, const Weight &weight,
                                    const Activation &output)>;
    /// What a call computes, from operands without a byte to spare. Dense [n, co, oh, ow].
    std::vector<int32_t> run(const Call &call, const Int8Layouts &layouts) const;
    /// What an engine of the CPU computes.
    std::vector<int32_t> run(const NamedTable &table, const EngineForm &form,
                             const Int8Layouts &layouts) const;
};

}  // namespace convwright
