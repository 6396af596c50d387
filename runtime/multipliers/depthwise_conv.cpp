// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/depthwise_conv.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/scratch_pieces.h"
#include "runtime/multipliers/strided_copy.h"
#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace convwright {
namespace {

constexpr int64_t kChannels = 64;  // of a task
constexpr int64_t kPixels = 256;   // of a region
constexpr int64_t kSlack = 64;     // bytes behind mapped rows that are read

/// Bytes of 16 channels at four taps, channel by channel: to[i * 64 + c * 4 + tap] =
/// taps[tap][i * step + c], for `count` pixels that lie to_step apart.
void interleave(const uint8_t *const taps[4], int64_t step, uint8_t *to, int64_t to_step,
                int64_t count) {
    const uint8_t *t0 = taps[0], *t1 = taps[1], *t2 = taps[2], *t3 = taps[3];
    const auto load = [](const uint8_t *from) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
    };
    for (int64_t i = 0; i < count; i++, to += to_step) {
        const int64_t at = i * step;
        const __m128i v0 = load(t0 + at), v1 = load(t1 + at), v2 = load(t2 + at),
                      v3 = load(t3 + at);
        const __m128i low01 = _mm_unpacklo_epi8(v0, v1), low23 = _mm_unpacklo_epi8(v2, v3);
        const __m128i high01 = _mm_unpackhi_epi8(v0, v1), high23 = _mm_unpackhi_epi8(v2, v3);
        auto *out = reinterpret_cast<__m128i *>(to);
        _mm_storeu_si128(out, _mm_unpacklo_epi16(low01, low23));
        _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(low01, low23));
        _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(high01, high23));
        _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(high01, high23));
    }
}

}  // namespace

struct DepthwiseConv::Task {
    Region region;
    RegionInput view;
    int64_t channel, channels;
    const Activation &input, &output;
    const int8_t *weight;  ///< Packed, of the task's first block.
    const int32_t *constants;
    int64_t row, factor, block;  ///< Staged bytes: a row, all rows of a factor, all factors.
};

DepthwiseConv::DepthwiseConv(const ConvShape &shape, const ByteTerms &terms, const Int8Cpu &cpu,
                             uint8_t pad_value)
    : shape_(shape),
      terms_(terms),
      map_(byte_map(cpu)),
      pad_value_(pad_value),
      grid_(shape, kPixels, 1) {}

int64_t DepthwiseConv::block_bytes() const {
    return static_cast<int64_t>(terms_.terms.size()) * shape_.kh * quads() * 4 * kDepthwiseLanes;
}

int64_t DepthwiseConv::workspace() const {
    const int64_t constants = kDepthwiseLanes * static_cast<int64_t>(sizeof(int32_t));
    return blocks() * (constants + block_bytes());
}

void DepthwiseConv::pack_channel(const Weight &weight, int64_t channel, int8_t *packed,
                                 int32_t *constant) const {
    const uint8_t *from = static_cast<const uint8_t *>(weight.data) + channel * weight.co;
    uint32_t sum = 0;
    int64_t quad = 0;
    for (const ByteTerm &term : terms_.terms) {
        for (int64_t ky = 0; ky < shape_.kh; ky++, quad += quads()) {
            for (int64_t kx = 0; kx < shape_.kw; kx++) {
                const int8_t v = term.weight[from[ky * weight.h + kx * weight.w]];
                packed[(quad + kx / 4) * 4 * kDepthwiseLanes + kx % 4] = v;
                const uint32_t factor =
                    static_cast<uint32_t>(v) + static_cast<uint32_t>(term.weight_offset);
                sum += (static_cast<uint32_t>(term.activation_offset) * factor) << term.shift;
            }
        }
    }
    *constant = static_cast<int32_t>(sum);
}

void DepthwiseConv::stage(const Task &task, uint8_t *raw, uint8_t *mapped, uint8_t *staged) const {
    const int64_t columns = task.view.columns(), channels = task.channels;
    for (int64_t y = 0; y < task.view.rows(); y++) {
        task.view.copy(task.input, pad_value_, task.channel, channels, {y, 0, 1, columns}, raw, 1,
                       channels);
        uint8_t *to_factor = staged + y * task.row;
        for (const auto &table : terms_.activations) {
            map_(mapped, raw, columns * channels, table.data());
            for (int64_t c = 0; c < channels; c += kDepthwiseLanes) {
                uint8_t *to = to_factor + c / kDepthwiseLanes * task.block;
                for (int64_t kx = 0; kx < shape_.kw; kx += 4, to += 4 * kDepthwiseLanes) {
                    const uint8_t *taps[4];
                    for (int64_t i = 0; i < 4; i++) {
                        const int64_t tap = std::min(kx + i, shape_.kw - 1);
                        taps[i] = mapped + c + tap * shape_.dilation_w * channels;
                    }
                    interleave(taps, shape_.stride_w * channels, to, quads() * 4 * kDepthwiseLanes,
                               task.region.columns);
                }
            }
            to_factor += task.factor;
        }
    }
}

bool DepthwiseConv::run_task(const Task &task) const {
    const Region &region = task.region;
    const auto terms = static_cast<int64_t>(terms_.terms.size());
    const auto factors = static_cast<int64_t>(terms_.activations.size());
    const int64_t blocks = (task.channels + kDepthwiseLanes - 1) / kDepthwiseLanes;
    const int64_t raw_bytes = task.view.columns() * task.channels + kSlack;
    ScratchPieces pieces;
    const int64_t raw_at = pieces.add(raw_bytes), mapped_at = pieces.add(raw_bytes);
    const int64_t staged_at = pieces.add(blocks * task.block);
    const int64_t tile_at = pieces.add_array<int32_t>(region.columns * kDepthwiseLanes);
    const int64_t ones_at = pieces.add(quads() * 4 * kDepthwiseLanes);
    const int64_t terms_at = pieces.add_array<DepthwiseJob::Term>(terms);
    const int64_t sums_at = pieces.add_array<DepthwiseJob::Sum>(factors);
    const Scratch scratch(pieces.size());
    if (scratch.data() == nullptr) return false;
    uint8_t *const base = static_cast<uint8_t *>(scratch.data());
    auto *tile = reinterpret_cast<int32_t *>(base + tile_at);
    auto *ones = reinterpret_cast<int8_t *>(base + ones_at);
    auto *job_terms = reinterpret_cast<DepthwiseJob::Term *>(base + terms_at);
    auto *sums = reinterpret_cast<DepthwiseJob::Sum *>(base + sums_at);

    stage(task, base + raw_at, base + mapped_at, base + staged_at);
    for (int64_t i = 0; i < quads() * 4 * kDepthwiseLanes; i++) {
        ones[i] = i / (4 * kDepthwiseLanes) * 4 + i % 4 < shape_.kw ? 1 : 0;
    }
    int64_t sum_count = 0;
    for (int64_t f = 0; f < factors; f++) {
        const int32_t multiplier = terms_.weight_offsets(static_cast<int>(f));
        if (multiplier != 0) sums[sum_count++] = {f * task.factor, multiplier};
    }
    for (int64_t t = 0; t < terms; t++) {
        const ByteTerm *term = &terms_.terms[static_cast<size_t>(t)];
        const int next = t + 1 < terms ? term[1].shift : 0;
        job_terms[t] = {term->factor * task.factor, term->shift - next};
    }
    const bool direct = task.output.c == 1;
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t channel = task.channel + b * kDepthwiseLanes;
        DepthwiseJob job{job_terms,
                         terms,
                         sums,
                         sum_count,
                         shape_.kh,
                         shape_.dilation_h * task.row,
                         quads(),
                         nullptr,
                         task.weight + b * block_bytes(),
                         ones,
                         task.constants + b * kDepthwiseLanes,
                         tile,
                         kDepthwiseLanes,
                         region.columns,
                         std::min(kDepthwiseLanes, task.channel + task.channels - channel)};
        for (int64_t y = 0; y < region.rows; y++) {
            const int64_t row = region.row + y;
            int32_t *out = static_cast<int32_t *>(const_cast<void *>(task.output.data)) +
                           row / shape_.oh * task.output.n + row % shape_.oh * task.output.h +
                           region.x * task.output.w + channel * task.output.c;
            job.staged = base + staged_at + b * task.block + task.view.base(y) * task.row;
            if (direct) job.out = out, job.step = task.output.w;
            run_depthwise_avx512(job);
            if (direct) continue;
            copy_2d(out, task.output.c, task.output.w, tile, 1, kDepthwiseLanes, job.channels,
                    region.columns);
        }
    }
    return true;
}

bool DepthwiseConv::run(CallContext &context, const Activation &input, const Weight &weight,
                        const Activation &output, void *workspace) const {
    auto *constants = static_cast<int32_t *>(workspace);
    auto *packed = reinterpret_cast<int8_t *>(constants + blocks() * kDepthwiseLanes);
    parallel_for(blocks(), [&](int64_t b) {
        int8_t *block = packed + b * block_bytes();
        std::memset(block, 0, static_cast<size_t>(block_bytes()));
        std::fill_n(constants + b * kDepthwiseLanes, kDepthwiseLanes, 0);
        for (int64_t c = 0; c < kDepthwiseLanes; c++) {
            const int64_t channel = b * kDepthwiseLanes + c;
            if (channel < shape_.groups) {
                pack_channel(weight, channel, block + 4 * c, constants + channel);
            }
        }
        return true;
    });
    const Activation stepped = shape_.stepped(input);
    const auto factors = static_cast<int64_t>(terms_.activations.size());
    const int64_t parts = (shape_.groups + kChannels - 1) / kChannels;
    const bool done = parallel_for(grid_.count() * parts, [&](int64_t i) {
        const Region region = grid_.at(i / parts);
        const int64_t channel = i % parts * kChannels, block = channel / kDepthwiseLanes;
        Task task{region,
                  RegionInput(shape_, region),
                  channel,
                  std::min(kChannels, shape_.groups - channel),
                  stepped,
                  output,
                  packed + block * block_bytes(),
                  constants + channel,
                  0,
                  0,
                  0};
        task.row = region.columns * quads() * 4 * kDepthwiseLanes;
        task.factor = task.view.rows() * task.row;
        task.block = factors * task.factor;
        return run_task(task);
    });
    if (!done) context.set_error("int8 convolution: no memory for a task");
    return done;
}

}  // namespace convwright
