// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/low_rank_conv.h"

#include <algorithm>
#include <cstring>

#include "runtime/multipliers/scratch_pieces.h"
#include "runtime/multipliers/strided_copy.h"
#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace convwright {
namespace {

constexpr int64_t kPixels = 512, kFewestPixels = 48;  // of a region
constexpr int64_t kStagedBytes = 512 << 10;           // of a region, so that they stay in L2
constexpr int64_t kTasks = 16;                        // wanted, so that several threads share
constexpr int64_t kSlack = 64;                        // bytes behind staged rows that are read

}  // namespace

struct LowRankConv::Task {
    Region region;
    RegionInput view;
    int64_t group, panel, panels;
    const Activation &input, &output;
    const int8_t *weight;  ///< Packed, of the task's first panel.
    const int32_t *constants;
    int64_t row, factor;  ///< Bytes of a staged row, of all rows of a factor.

    int64_t run_offset(const ConvShape &s, int64_t r, int64_t runs) const {
        const int64_t kw = runs == s.kh ? 1 : s.kw;
        return r / kw * s.dilation_h * row + r % kw * s.dilation_w * s.ci;
    }
};

LowRankConv::LowRankConv(const ConvShape &shape, const ByteTerms &terms, const Int8Cpu &cpu,
                         uint8_t pad_value)
    : shape_(shape), terms_(terms), map_(byte_map(cpu)), pad_value_(pad_value), grid_(shape, 1, 1) {
    const int64_t vectors = (shape.co + kDotLanes - 1) / kDotLanes;
    panels_ = (vectors + kMostDotVectors - 1) / kMostDotVectors;
    vectors_ = static_cast<int>((vectors + panels_ - 1) / panels_);
    kernel_ = dot_kernel(cpu, vectors_);
    const bool dense = shape.kw == 1 || shape.dilation_w == 1;
    runs_ = dense ? shape.kh : shape.taps();
    run_ = dense ? shape.kw * shape.ci : shape.ci;

    const int64_t factors = std::max<int64_t>(1, static_cast<int64_t>(terms.activations.size()));
    const int64_t bytes = factors * shape.ci * shape.stride_h * shape.stride_w;
    int64_t pixels = std::max(std::min(kPixels, kStagedBytes / bytes), kFewestPixels);
    grid_ = RegionGrid(shape, pixels, kernel_.pixels);
    block_ = panels_;
    const auto tasks = [&] {
        return grid_.count() * shape_.groups * ((panels_ + block_ - 1) / block_);
    };
    for (pixels /= 2; tasks() < kTasks && pixels >= kFewestPixels; pixels /= 2) {
        grid_ = RegionGrid(shape_, pixels, kernel_.pixels);
    }
    while (tasks() < kTasks && block_ > 1) block_ = (block_ + 1) / 2;
}

int64_t LowRankConv::panel_bytes() const {
    return term_count() * runs_ * round_up(run_, 4) * lanes();
}

int64_t LowRankConv::workspace() const {
    const int64_t constants = lanes() * static_cast<int64_t>(sizeof(int32_t));
    return shape_.groups * panels_ * (constants + panel_bytes());
}

bool LowRankConv::pack_panel(const Weight &weight, int64_t group, int64_t panel, int8_t *packed,
                             int32_t *constants) const {
    const int64_t k = shape_.k(), ci = shape_.ci, kw = shape_.kw;
    const int64_t run = round_up(run_, 4), row = runs_ * run;  // bytes of a channel and term
    const int64_t channels = std::min(lanes(), shape_.co - panel * lanes());
    ScratchPieces pieces;
    const int64_t raw_at = pieces.add(channels * k), mapped_at = pieces.add(k);
    const int64_t rows_at = pieces.add(channels * row);
    const Scratch scratch(pieces.size());
    if (scratch.data() == nullptr) return false;
    uint8_t *const base = static_cast<uint8_t *>(scratch.data());
    uint8_t *raw = base + raw_at, *mapped = base + mapped_at, *rows = base + rows_at;
    for (int64_t c = 0; c < channels; c++) {
        const uint8_t *from = static_cast<const uint8_t *>(weight.data) +
                              (group * shape_.co + panel * lanes() + c) * weight.co;
        if (weight.w == 1 && weight.h == kw) {
            copy_2d(raw + c * k, ci, 1, from, 1, weight.ci, shape_.taps(), ci);
            continue;
        }
        for (int64_t ky = 0; ky < shape_.kh; ky++) {
            copy_2d(raw + c * k + ky * kw * ci, ci, 1, from + ky * weight.h, weight.w, weight.ci,
                    kw, ci);
        }
    }
    if (channels < lanes()) std::memset(packed, 0, static_cast<size_t>(panel_bytes()));
    std::memset(rows, 0, static_cast<size_t>(channels * row));
    std::fill_n(constants, lanes(), 0);
    for (const ByteTerm &term : terms_.terms) {
        for (int64_t c = 0; c < channels; c++) {
            map_(mapped, raw + c * k, k, reinterpret_cast<const uint8_t *>(term.weight.data()));
            const uint32_t sum =
                sum_signed_bytes(mapped, k) +
                static_cast<uint32_t>(k) * static_cast<uint32_t>(term.weight_offset);
            const uint32_t constant = static_cast<uint32_t>(term.activation_offset) * sum;
            constants[c] = static_cast<int32_t>(static_cast<uint32_t>(constants[c]) +
                                                (constant << term.shift));
            copy_2d(rows + c * row, run, 1, mapped, run_, 1, runs_, run_);
        }
        // Fours of bytes: of each channel in a row so far, now side by side.
        copy_2d(reinterpret_cast<int32_t *>(packed), 1, lanes(),
                reinterpret_cast<const int32_t *>(rows), row / 4, 1, channels, row / 4);
        packed += row * lanes();
    }
    return true;
}

void LowRankConv::stage(const Task &task, uint8_t *raw, uint8_t *staged) const {
    for (int64_t y = 0; y < task.view.rows(); y++) {
        task.view.copy(task.input, pad_value_, task.group * shape_.ci, shape_.ci,
                       {y, 0, 1, task.view.columns()}, raw, 1, shape_.ci);
        uint8_t *to = staged + y * task.row;
        for (const auto &table : terms_.activations) {
            map_(to, raw, task.row, table.data());
            to += task.factor;
        }
    }
}

/// What offsets of weights are worth: their multiple of the sum of a pixel's activations. `rows` has
/// space for a sum of each staged row and output column, `columns` for one of each staged column.
void LowRankConv::sum_pixels(const Task &task, const uint8_t *staged, uint32_t *columns,
                             uint32_t *rows, int32_t *sums) const {
    const int64_t width = task.region.columns;
    std::fill_n(sums, task.region.pixels() + kernel_.pixels, 0);
    for (size_t f = 0; f < terms_.activations.size(); f++, staged += task.factor) {
        const auto offset = static_cast<uint32_t>(terms_.weight_offsets(static_cast<int>(f)));
        if (offset == 0) continue;
        for (int64_t y = 0; y < task.view.rows(); y++) {
            for (int64_t x = 0; x < task.view.columns(); x++) {
                columns[x] = sum_bytes(staged + y * task.row + x * shape_.ci, shape_.ci);
            }
            for (int64_t x = 0; x < width; x++) {
                uint32_t sum = 0;
                for (int64_t kx = 0; kx < shape_.kw; kx++) {
                    sum += columns[x * shape_.stride_w + kx * shape_.dilation_w];
                }
                rows[y * width + x] = sum * offset;
            }
        }
        for (int64_t y = 0; y < task.region.rows; y++) {
            for (int64_t ky = 0; ky < shape_.kh; ky++) {
                const uint32_t *from = rows + (task.view.base(y) + ky * shape_.dilation_h) * width;
                for (int64_t x = 0; x < width; x++) {
                    int32_t &sum = sums[y * width + x];
                    sum = static_cast<int32_t>(static_cast<uint32_t>(sum) + from[x]);
                }
            }
        }
    }
}

bool LowRankConv::run_task(const Task &task) const {
    const Region &region = task.region;
    const int64_t count = region.pixels(), tile = kernel_.pixels;
    const int64_t factors = static_cast<int64_t>(terms_.activations.size());
    const bool direct = task.output.c == 1;
    ScratchPieces pieces;
    const int64_t staged_at = pieces.add(factors * task.factor), raw_at = pieces.add(task.row);
    const int64_t pixels_at = pieces.add_array<void *>(count + tile);
    const int64_t out_at = pieces.add_array<void *>(count + tile);
    const int64_t sums_at = pieces.add_array<int32_t>(count + tile);
    const int64_t columns_at = pieces.add_array<uint32_t>(task.view.columns());
    const int64_t rows_at = pieces.add_array<uint32_t>(task.view.rows() * region.columns);
    const int64_t runs_at = pieces.add_array<int64_t>(runs_);
    const int64_t terms_at = pieces.add_array<DotJob::Term>(term_count());
    const int64_t tiles_at = pieces.add_array<int32_t>((direct ? tile : count + tile) * lanes());
    const Scratch scratch(pieces.size());
    if (scratch.data() == nullptr) return false;
    uint8_t *const base = static_cast<uint8_t *>(scratch.data());
    const auto **pixels = reinterpret_cast<const uint8_t **>(base + pixels_at);
    auto **out = reinterpret_cast<int32_t **>(base + out_at);
    auto *sums = reinterpret_cast<int32_t *>(base + sums_at);
    auto *runs = reinterpret_cast<int64_t *>(base + runs_at);
    auto *terms = reinterpret_cast<DotJob::Term *>(base + terms_at);
    auto *tiles = reinterpret_cast<int32_t *>(base + tiles_at);

    stage(task, base + raw_at, base + staged_at);
    const auto output = [&](int64_t y) {  // at the region's first pixel of a row
        const int64_t row = region.row + y;
        return static_cast<int32_t *>(const_cast<void *>(task.output.data)) +
               row / shape_.oh * task.output.n + row % shape_.oh * task.output.h +
               region.x * task.output.w;
    };
    for (int64_t y = 0, p = 0; y < region.rows; y++) {
        const uint8_t *from = base + staged_at + task.view.base(y) * task.row;
        int32_t *to = output(y);
        for (int64_t x = 0; x < region.columns; x++, p++) {
            pixels[p] = from + x * shape_.stride_w * shape_.ci;
            out[p] = direct ? to + x * task.output.w : tiles + p * lanes();
        }
    }
    // The last tile repeats the last pixel, into memory that no one reads.
    for (int64_t p = count; p < count + tile; p++) {
        pixels[p] = pixels[count - 1];
        out[p] = direct ? tiles : tiles + p * lanes();
    }
    for (int64_t r = 0; r < runs_; r++) runs[r] = task.run_offset(shape_, r, runs_);
    for (int64_t t = 0; t < term_count(); t++) {
        const ByteTerm *term = &terms_.terms[static_cast<size_t>(t)];
        const int next = t + 1 < term_count() ? term[1].shift : 0;
        terms[t] = {term->factor * task.factor, term->shift - next};
    }
    sum_pixels(task, base + staged_at, reinterpret_cast<uint32_t *>(base + columns_at),
               reinterpret_cast<uint32_t *>(base + rows_at), sums);

    for (int64_t i = 0; i < task.panels; i++) {
        const int64_t first = (task.panel + i) * lanes(), channel = task.group * shape_.co + first;
        DotJob job{terms,
                   term_count(),
                   runs,
                   runs_,
                   run_,
                   nullptr,
                   task.weight + i * panel_bytes(),
                   task.constants + i * lanes(),
                   nullptr,
                   nullptr,
                   std::min(lanes(), shape_.co - first)};
        if (direct) {
            for (int64_t p = 0; p < count; p++) out[p] += i == 0 ? channel : lanes();
        }
        for (int64_t p = 0; p < count; p += tile) {
            job.pixels = pixels + p, job.pixel_sums = sums + p, job.out = out + p;
            kernel_.run(job);
        }
        // Whole rows of an image that follow each other are one.
        const bool whole =
            region.columns == shape_.ow && task.output.h == shape_.ow * task.output.w;
        for (int64_t y = 0, rows; y < region.rows && !direct; y += rows) {
            rows = whole ? std::min(region.rows - y, shape_.oh - (region.row + y) % shape_.oh) : 1;
            copy_2d(output(y) + channel * task.output.c, task.output.c, task.output.w,
                    tiles + y * region.columns * lanes(), 1, lanes(), job.channels,
                    rows * region.columns);
        }
    }
    return true;
}

bool LowRankConv::run(CallContext &context, const Activation &input, const Weight &weight,
                      const Activation &output, void *workspace) const {
    auto *constants = static_cast<int32_t *>(workspace);
    auto *packed = reinterpret_cast<int8_t *>(constants + shape_.groups * panels_ * lanes());
    bool done = parallel_for(shape_.groups * panels_, [&](int64_t i) {
        return pack_panel(weight, i / panels_, i % panels_, packed + i * panel_bytes(),
                          constants + i * lanes());
    });
    const Activation stepped = shape_.stepped(input);
    const int64_t blocks = (panels_ + block_ - 1) / block_;
    done = done && parallel_for(grid_.count() * shape_.groups * blocks, [&](int64_t i) {
               const Region region = grid_.at(i / (blocks * shape_.groups));
               const int64_t group = i / blocks % shape_.groups, panel = i % blocks * block_;
               const int64_t first = group * panels_ + panel;
               Task task{region,
                         RegionInput(shape_, region),
                         group,
                         panel,
                         std::min(block_, panels_ - panel),
                         stepped,
                         output,
                         packed + first * panel_bytes(),
                         constants + first * lanes(),
                         0,
                         0};
               task.row = task.view.columns() * shape_.ci;
               task.factor = round_up(task.view.rows() * task.row + kSlack, 64);
               return run_task(task);
           });
    if (!done) context.set_error("int8 convolution: no memory for a task");
    return done;
}

}  // namespace convwright
