// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "runtime/call_context.h"
#include "runtime/multipliers/conv_region.h"
#include "runtime/multipliers/table_kernels.h"

namespace convwright {

/// Convolution by look-ups. Lanes are output pixels: the weight byte is uniform, so its row of the
/// table stays in L1 for up to 512 pixels. A row of an activation byte over output channels
/// would have to be fetched anew for every pixel and product, 512 bytes for one or few vectors.
///
/// A task is a region of one group and up to 128 output channels. It gathers the activations of at
/// most 256 products of each pixel (an im2col of the region alone, in scratch) and runs the kernel
/// over all channels, until all products are done.
class TableConv {
public:
    TableConv(const ConvShape &shape, const BytePlanes &planes, const Int8Cpu &cpu,
              uint8_t pad_value);

    int64_t workspace() const;  ///< Bytes, for the packed weights.

    /// As run_int8_conv.
    bool run(CallContext &context, const Activation &input, const Weight &weight,
             const Activation &output, void *workspace) const;

private:
    struct Task;

    void pack_weight(const Weight &weight, int64_t channel, uint8_t *packed, int32_t *least) const;
    bool run_task(const Task &task) const;
    int64_t gather(const Task &task, int64_t first, int64_t count, uint8_t *staged,
                   uint8_t *columns) const;

    ConvShape shape_;
    const BytePlanes &planes_;
    TableKernel kernel_;
    uint8_t pad_value_;
    RegionGrid grid_;
    int64_t block_;  ///< Output channels of a task.
};

}  // namespace convwright
