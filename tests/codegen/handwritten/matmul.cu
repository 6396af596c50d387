// SPDX-License-Identifier: Apache-2.0
//
// What the Matmul of small_pipelines.h would be by hand: the measure of the registers of generated kernels.
#ifndef CONVWRIGHT_PRELUDE  // which NVRTC has in front instead
#include "codegen/device/device.h"
using namespace convwright::device;
#endif

/// One stage of both panels: a[r][x], b[y][r].
struct MatmulStage {
    float a[16][64], b[64][16];
};

template<int Stages, int N>
__device__ __forceinline__ void copy_vector(float *to, const float *from) {
    if constexpr (Stages == 1) {
        store<4 * N>(to, load<N, 4 * N>(from));
    } else {
        cp_async<4 * N>(to, from);
    }
}

/// out = b a for matrices of rows a_row, b_row and out_row floats apart: a(x, r), b(r, y), innermost
/// first, in tiles of 64 x 64 by 16 x 8 threads; a thread sums 4 x 8. Chunks of 16 r are copied Stages - 1
/// ahead of their use by cp.async; with one stage each is loaded and stored.
template<int Stages>
__device__ __forceinline__ void multiply(MatmulStage *stages, const float *__restrict__ a,
                                         const float *__restrict__ b, float *__restrict__ out,
                                         int a_row, int b_row, int out_row, int chunks) {
    constexpr int kAhead = Stages == 1 ? 0 : Stages - 1;
    const int x = threadIdx.x, y = threadIdx.y, t = y * 16 + x;
    a += blockIdx.x * 64 + x * 4 + y * a_row;
    b += (blockIdx.y * 64 + y) * b_row + x;

    const auto copy = [&](int chunk) {
        if (chunk < chunks) {
            float *to_a = stages[chunk % Stages].a[0] + t * 4;
            float *to_b = stages[chunk % Stages].b[0] + t;
#pragma unroll
            for (int i = 0; i < 2; ++i)
                copy_vector<Stages, 4>(to_a + i * 512, a + (chunk * 16 + i * 8) * a_row);
#pragma unroll
            for (int i = 0; i < 8; ++i)
                copy_vector<Stages, 1>(to_b + i * 128, b + chunk * 16 + i * 8 * b_row);
        }
        if (Stages > 1) cp_async_commit();
    };
    for (int chunk = 0; chunk < kAhead; ++chunk) copy(chunk);

    vec<float, 4> sum[8] = {};
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; ++chunk) {
        if (Stages == 1) {
            __syncthreads();
            copy(chunk);
            __syncthreads();
        } else {
            cp_async_wait<(Stages == 1 ? 0 : Stages - 2)>();
            __syncthreads();
            copy(chunk + kAhead);
        }
        const MatmulStage &stage = stages[chunk % Stages];
#pragma unroll
        for (int r = 0; r < 16; ++r) {
            const vec<float, 4> from_a = load<4, 16>(stage.a[r] + x * 4);
#pragma unroll
            for (int i = 0; i < 8; ++i) {
#pragma unroll
                for (int v = 0; v < 4; ++v)
                    sum[i][v] = fmaf(from_a[v], stage.b[y * 8 + i][r], sum[i][v]);
            }
        }
    }

    out += (blockIdx.y * 64 + y * 8) * out_row + blockIdx.x * 64 + x * 4;
#pragma unroll
    for (int i = 0; i < 8; ++i) store<16>(out + i * out_row, sum[i]);
}

extern "C" __global__ void __launch_bounds__(128)
    matmul_by_hand(const float *__restrict__ a, const float *__restrict__ b,
                   float *__restrict__ out, const int a_row, const int b_row, const int out_row,
                   const int chunks) {
    __shared__ __align__(16) MatmulStage stages[1];
    multiply<1>(stages, a, b, out, a_row, b_row, out_row, chunks);
}

extern "C" __global__ void __launch_bounds__(128)
    matmul_by_hand_stages3(const float *__restrict__ a, const float *__restrict__ b,
                           float *__restrict__ out, const int a_row, const int b_row,
                           const int out_row, const int chunks) {
    __shared__ __align__(16) MatmulStage stages[3];
    multiply<3>(stages, a, b, out, a_row, b_row, out_row, chunks);
}
