// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/call_context.h"
#include "runtime/multipliers/byte_map.h"
#include "runtime/multipliers/byte_terms.h"
#include "runtime/multipliers/conv_region.h"
#include "runtime/multipliers/dot_kernels.h"

namespace convwright {

/// Convolution by int8 dot products. Lanes are output channels, so a register tile is some pixels by
/// a panel of up to 64 channels, and a kernel row over all input channels is one run of bytes.
///
/// The weights are packed once per call, through the table of each term. A task is a region of one
/// group and some panels; it stages the input rows of the region in scratch, channels innermost and
/// padded, once through the table of each activation factor.
class LowRankConv {
public:
    /// `cpu` has AVX2. `terms` stays valid.
    LowRankConv(const ConvShape &shape, const ByteTerms &terms, const Int8Cpu &cpu,
                uint8_t pad_value);

    int64_t workspace() const;  ///< Bytes, for the packed weights.

    /// As run_int8_conv.
    bool run(CallContext &context, const Activation &input, const Weight &weight,
             const Activation &output, void *workspace) const;

private:
    struct Task;

    int64_t lanes() const { return kDotLanes * vectors_; }  ///< Channels of a panel.
    int64_t term_count() const { return static_cast<int64_t>(terms_.terms.size()); }
    int64_t panel_bytes() const;  ///< Of weights.

    bool pack_panel(const Weight &weight, int64_t group, int64_t panel, int8_t *packed,
                    int32_t *constants) const;
    void stage(const Task &task, uint8_t *raw, uint8_t *staged) const;
    void sum_pixels(const Task &task, const uint8_t *staged, uint32_t *columns, uint32_t *rows,
                    int32_t *sums) const;
    bool run_task(const Task &task) const;

    ConvShape shape_;
    const ByteTerms &terms_;
    int vectors_;         ///< Of a panel.
    int64_t panels_;      ///< Of a group.
    int64_t runs_, run_;  ///< Runs of activations of a term, bytes of one.
    DotKernel kernel_;
    ByteMap map_;
    uint8_t pad_value_;
    RegionGrid grid_;
    int64_t block_;  ///< Panels of a task.
};

}  // namespace convwright
