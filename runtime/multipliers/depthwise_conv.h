// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/call_context.h"
#include "runtime/multipliers/byte_map.h"
#include "runtime/multipliers/byte_terms.h"
#include "runtime/multipliers/conv_region.h"
#include "runtime/multipliers/depthwise_kernel.h"

namespace convwright {

/// Depthwise convolution (one input and one output channel in a group) by int8 dot products: lanes
/// are channels, a dot product is over four taps of a row. A task is a region of up to 64 channels; it
/// stages for each output column and input row the taps of a channel together, so each byte four
/// times.
class DepthwiseConv {
public:
    /// `cpu` has VNNI. `terms` stays valid.
    DepthwiseConv(const ConvShape &shape, const ByteTerms &terms, const Int8Cpu &cpu,
                  uint8_t pad_value);

    int64_t workspace() const;  ///< Bytes, for the packed weights.

    /// As run_int8_conv.
    bool run(CallContext &context, const Activation &input, const Weight &weight,
             const Activation &output, void *workspace) const;

private:
    struct Task;

    int64_t quads() const { return (shape_.kw + 3) / 4; }
    int64_t blocks() const { return (shape_.groups + kDepthwiseLanes - 1) / kDepthwiseLanes; }
    int64_t block_bytes() const;  ///< Of weights.

    void pack_channel(const Weight &weight, int64_t channel, int8_t *packed,
                      int32_t *constant) const;
    void stage(const Task &task, uint8_t *raw, uint8_t *mapped, uint8_t *staged) const;
    bool run_task(const Task &task) const;

    ConvShape shape_;
    const ByteTerms &terms_;
    ByteMap map_;
    uint8_t pad_value_;
    RegionGrid grid_;
};

}  // namespace convwright
