// SPDX-License-Identifier: Apache-2.0
//
// What conv2d_gemm (generators/conv2d_gemm.h) for nhwc with tiles of 64 x 64, vec:4 and stages:3 would be by
// hand: the measure of the registers of generated kernels.
#ifndef CONVWRIGHT_PRELUDE  // which NVRTC has in front instead
#include "codegen/device/device.h"
using namespace convwright::device;
#endif

/// p / divisor = floor(2p * multiplier / 2^32) >> shift, as runtime/fast_division.h has it.
struct Divisor {
    int divisor;
    unsigned multiplier, shift;
    __device__ __forceinline__ int quotient(int p) const {
        return int(unsigned(uint64_t(2u * unsigned(p)) * multiplier >> 32) >> shift);
    }
};

/// Sizes and strides in elements; channels are dense and come in fours.
struct ConvSizes {
    int ci, iw, ih, co, pixels, turns;  ///< Of a group; output pixels of all images; chunks of the sum.
    int stride_x, stride_y, pad_x, pad_y, dilation_x, dilation_y;
    int input_group, input_column, input_row, input_image;
    int out_group, out_column, out_row, out_image;
    int weight_k, weight_tile, weight_group;
    Divisor columns, rows;  ///< Of the output.
    Divisor taps_x, chunks, co_tiles;
};

/// One stage of both panels: weight[k][co], pixels[pixel][k].
struct ConvStage {
    float weight[16][64], pixels[64][16];
};

/// out = max(floor, sum over taps and input channels of input * weight + bias), channels_last, by 16 x 8
/// threads for each tile of 64 channels x 64 pixels; a thread sums 4 channels of every 8th pixel. The weight is
/// packed (co % 64, k, co / 64, group). No bias is a null pointer.
extern "C" __global__ void __launch_bounds__(128)
    conv2d_by_hand(const float *__restrict__ input, const float *__restrict__ weight,
                   const float *__restrict__ bias, float *__restrict__ out, const float floor,
                   const ConvSizes s) {
    __shared__ __align__(16) ConvStage stages[3];
    const int x = threadIdx.x, y = threadIdx.y, t = y * 16 + x, group = blockIdx.z;
    const int px_tile = s.co_tiles.quotient(blockIdx.x);
    const int co_tile = blockIdx.x - px_tile * s.co_tiles.divisor;

    // A thread copies four channels of two pixels, and two vectors of weights.
    int column[2], row[2];
    const float *pixel[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int p = px_tile * 64 + i * 32 + t / 4;
        const int line = s.columns.quotient(p), image = s.rows.quotient(line);
        column[i] = (p - line * s.columns.divisor) * s.stride_x - s.pad_x;
        row[i] = (line - image * s.rows.divisor) * s.stride_y - s.pad_y;
        pixel[i] = input + image * s.input_image + group * s.input_group +
                   column[i] * s.input_column + row[i] * s.input_row + t % 4 * 4;
        if (p >= s.pixels) row[i] = -(1 << 30);  // outside, whatever the tap
    }
    const float *to_weight =
        weight + group * s.weight_group + co_tile * s.weight_tile + y * s.weight_k + x * 4;

    const auto copy = [&](int turn) {
        if (turn < s.turns) {
            ConvStage &stage = stages[turn % 3];
            const int tap = s.chunks.quotient(turn), ky = s.taps_x.quotient(tap);
            const int kx = tap - ky * s.taps_x.divisor;
            const int channel = (turn - tap * s.chunks.divisor) * 16;
            const int dx = kx * s.dilation_x, dy = ky * s.dilation_y;
            const int offset = dx * s.input_column + dy * s.input_row + channel;
#pragma unroll
            for (int i = 0; i < 2; ++i)
                cp_async<16>(stage.weight[0] + t * 4 + i * 512,
                             to_weight + (turn * 16 + i * 8) * s.weight_k);
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                const bool inside = unsigned(column[i] + dx) < unsigned(s.iw) &&
                                    unsigned(row[i] + dy) < unsigned(s.ih) &&
                                    channel + t % 4 * 4 < s.ci;
                cp_async_zero_fill<16>(stage.pixels[0] + t * 4 + i * 512, pixel[i] + offset,
                                       inside ? 16 : 0);
            }
        }
        cp_async_commit();
    };
    copy(0);
    copy(1);

    vec<float, 4> sum[8] = {};
#pragma unroll 1
    for (int turn = 0; turn < s.turns; ++turn) {
        cp_async_wait<1>();
        __syncthreads();
        copy(turn + 2);
        const ConvStage &stage = stages[turn % 3];
#pragma unroll
        for (int k = 0; k < 16; ++k) {
            const vec<float, 4> w = load<4, 16>(stage.weight[k] + x * 4);
#pragma unroll
            for (int i = 0; i < 8; ++i) {
#pragma unroll
                for (int v = 0; v < 4; ++v)
                    sum[i][v] = fmaf(w[v], stage.pixels[i * 8 + y][k], sum[i][v]);
            }
        }
    }

    const int co = co_tile * 64 + x * 4;
    if (co >= s.co) return;
    vec<float, 4> start = {};
    if (bias != nullptr) {
#pragma unroll
        for (int v = 0; v < 4; ++v) start[v] = bias[group * s.co + co + v];
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const int p = px_tile * 64 + i * 8 + y;
        if (p >= s.pixels) return;
        const int line = s.columns.quotient(p), image = s.rows.quotient(line);
        vec<float, 4> result;
#pragma unroll
        for (int v = 0; v < 4; ++v) {
            const float value = sum[i][v] + start[v];
            result[v] = value < floor ? floor : value;  // NaN stays one
        }
        store<16>(out + image * s.out_image + group * s.out_group +
                      (p - line * s.columns.divisor) * s.out_column +
                      (line - image * s.rows.divisor) * s.out_row + co,
                  result);
    }
}
