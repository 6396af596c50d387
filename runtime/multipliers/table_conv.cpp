// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/table_conv.h"

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/scratch_pieces.h"
#include "runtime/multipliers/strided_copy.h"
#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace convwright {
namespace {

constexpr int64_t kPixels = 512, kFewestPixels = 128;     // of a region
constexpr int64_t kChannels = 128, kFewestChannels = 16;  // output channels of a task
constexpr int64_t kTasks = 16;                            // wanted, so that several threads share
constexpr int64_t kSlack = 64;                            // bytes that copies may run over

/// Copies `count` bytes, and up to 15 more.
void copy_over(uint8_t *to, const uint8_t *from, int64_t count) {
    for (int64_t i = 0; i < count; i += 16) std::memcpy(to + i, from + i, 16);
}

}  // namespace

struct TableConv::Task {
    Region region;
    RegionInput view;
    int64_t group, channel, channels;  ///< Output channels within the group.
    int64_t pitch;                     ///< Pixels in whole vectors.
    const Activation &input, &output;
    const uint8_t *weight;  ///< Packed, of the task's first channel.
    const int32_t *least;
};

TableConv::TableConv(const ConvShape &shape, const BytePlanes &planes, const Int8Cpu &cpu,
                     uint8_t pad_value)
    : shape_(shape),
      planes_(planes),
      kernel_(table_kernel(cpu)),
      pad_value_(pad_value),
      grid_(shape, kPixels, kTableLanes),
      block_(std::min(shape.co, kChannels)) {
    const auto tasks = [&] {
        return grid_.count() * shape_.groups * ((shape_.co + block_ - 1) / block_);
    };
    for (int64_t pixels = kPixels / 2; tasks() < kTasks && pixels >= kFewestPixels; pixels /= 2) {
        grid_ = RegionGrid(shape_, pixels, kTableLanes);
    }
    while (tasks() < kTasks && block_ >= 2 * kFewestChannels) block_ = (block_ + 1) / 2;
}

int64_t TableConv::workspace() const {
    const int64_t channels = shape_.groups * shape_.co;
    return channels * static_cast<int64_t>(sizeof(int32_t)) + channels * shape_.k();
}

void TableConv::pack_weight(const Weight &weight, int64_t channel, uint8_t *packed,
                            int32_t *least) const {
    const uint8_t *from = static_cast<const uint8_t *>(weight.data) + channel * weight.co;
    const int64_t kw = shape_.kw;
    if (weight.w == 1 && weight.h == kw) {
        copy_2d(packed, shape_.taps(), 1, from, weight.ci, 1, shape_.ci, shape_.taps());
    } else {
        for (int64_t ky = 0; ky < shape_.kh; ky++) {
            copy_2d(packed + ky * kw, shape_.taps(), 1, from + ky * weight.h, weight.ci, weight.w,
                    shape_.ci, kw);
        }
    }
    uint32_t sum = 0;
    if (kernel_.adds_least) {
        for (int64_t k = 0; k < shape_.k(); k++) {
            sum += static_cast<uint32_t>(planes_.least[packed[k]]);
        }
    }
    *least = static_cast<int32_t>(sum);
}

/// Activations of products first, first + 1, ... (in the order ci, ky, kx) for all pixels of the
/// task: columns[k * pitch + pixel]. Rows of input are first staged channel by channel, padded and
/// for strides with the columns of each phase together, so that then all copies are dense. Returns
/// the bytes of `staged`; with null pointers it does nothing else.
int64_t TableConv::gather(const Task &task, int64_t first, int64_t count, uint8_t *staged,
                          uint8_t *columns) const {
    const int64_t taps = shape_.taps(), stride = shape_.stride_w;
    const int64_t channel = first / taps, channels = (first + count - 1) / taps + 1 - channel;
    const int64_t phase = (task.view.columns() + stride - 1) / stride;  // columns of one
    const int64_t row = phase * stride, plane = row * task.view.rows();
    if (staged == nullptr) return channels * plane + kSlack;
    for (int64_t y = 0; y < task.view.rows(); y++) {
        for (int64_t i = 0; i < stride; i++) {
            task.view.copy(task.input, pad_value_, task.group * shape_.ci + channel, channels,
                           {y, i, stride, phase}, staged + y * row + i * phase, plane, 1);
        }
    }
    const int64_t width = task.region.columns;
    for (int64_t k = 0; k < count; k++) {
        const int64_t tap = (first + k) % taps, x = tap % shape_.kw * shape_.dilation_w;
        const uint8_t *from = staged + ((first + k) / taps - channel) * plane +
                              tap / shape_.kw * shape_.dilation_h * row + x % stride * phase +
                              x / stride;
        uint8_t *to = columns + k * task.pitch;
        for (int64_t y = 0; y < task.region.rows; y++) {
            copy_over(to + y * width, from + task.view.base(y) * row, width);
        }
    }
    return channels * plane + kSlack;
}

bool TableConv::run_task(const Task &task) const {
    const int64_t k = shape_.k(), taps = shape_.taps();
    // Whole channels, so that none is staged twice.
    const int64_t chunk = std::min(k, taps < kTableChunk ? kTableChunk / taps * taps : kTableChunk);
    int64_t staged_bytes = 0;
    for (int64_t first = 0; first < k; first += chunk) {
        staged_bytes = std::max(staged_bytes,
                                gather(task, first, std::min(chunk, k - first), nullptr, nullptr));
    }
    const int64_t columns_bytes = round_up(chunk * task.pitch + kSlack, 64);
    const int64_t sums_bytes = task.channels * task.pitch * static_cast<int64_t>(sizeof(int32_t));
    const Scratch scratch(static_cast<size_t>(columns_bytes + sums_bytes + staged_bytes));
    if (scratch.data() == nullptr) return false;
    uint8_t *columns = static_cast<uint8_t *>(scratch.data());
    int32_t *sums = reinterpret_cast<int32_t *>(columns + columns_bytes);
    uint8_t *staged = columns + columns_bytes + sums_bytes;

    for (int64_t c = 0; c < task.channels; c++) {
        std::fill_n(sums + c * task.pitch, task.pitch, task.least[c]);
    }
    for (int64_t first = 0; first < k; first += chunk) {
        const int64_t count = std::min(chunk, k - first);
        gather(task, first, count, staged, columns);
        kernel_.run({&planes_, columns, task.pitch, task.pitch, task.weight + first, k,
                     task.channels, count, sums});
    }
    const Region &region = task.region;
    const int64_t channel = task.group * shape_.co + task.channel;
    for (int64_t y = 0; y < region.rows; y++) {
        const int64_t row = region.row + y;
        int32_t *to = static_cast<int32_t *>(const_cast<void *>(task.output.data)) +
                      row / shape_.oh * task.output.n + row % shape_.oh * task.output.h +
                      region.x * task.output.w + channel * task.output.c;
        copy_2d(to, task.output.c, task.output.w, sums + y * region.columns, task.pitch, 1,
                task.channels, region.columns);
    }
    return true;
}

bool TableConv::run(CallContext &context, const Activation &input, const Weight &weight,
                    const Activation &output, void *workspace) const {
    const int64_t channels = shape_.groups * shape_.co, k = shape_.k();
    int32_t *least = static_cast<int32_t *>(workspace);
    uint8_t *packed = reinterpret_cast<uint8_t *>(least + channels);
    parallel_for((channels + kFewestChannels - 1) / kFewestChannels, [&](int64_t i) {
        const int64_t end = std::min(channels, (i + 1) * kFewestChannels);
        for (int64_t c = i * kFewestChannels; c < end; c++) {
            pack_weight(weight, c, packed + c * k, least + c);
        }
        return true;
    });
    const Activation stepped = shape_.stepped(input);
    const int64_t blocks = (shape_.co + block_ - 1) / block_;
    const bool done = parallel_for(grid_.count() * shape_.groups * blocks, [&](int64_t i) {
        const Region region = grid_.at(i / (blocks * shape_.groups));
        const int64_t group = i / blocks % shape_.groups, channel = i % blocks * block_;
        const int64_t first = group * shape_.co + channel;
        return run_task({region, RegionInput(shape_, region), group, channel,
                         std::min(block_, shape_.co - channel),
                         round_up(region.pixels(), kTableLanes), stepped, output,
                         packed + first * k, least + first});
    });
    if (!done) context.set_error("int8 convolution: no memory for a task");
    return done;
}

}  // namespace convwright
