// SPDX-License-Identifier: Apache-2.0
//
// Kernels as the backend prints them, for the tests of the emulator. `left_out` names what is
// missing from one; 0 is the right kernel. CUDA compilers take this file as it is.
#include "codegen/device/device.h"

using namespace convwright::device;

/// c = a * b, row-major (m,k), (k,n), (m,n): 16 x 16 tiles, panels in static shared memory. Without
/// the barrier in front of the sums (1) or behind them (2) it races.
extern "C" __global__ void __launch_bounds__(256)
    matmul(const float *__restrict__ a, const float *__restrict__ b, float *__restrict__ c,
           const int m, const int n, const int k, const int left_out) {
    __shared__ float a_panel[16][17];
    __shared__ __align__(16) float b_panel[16][16];
    const int x = threadIdx.x, y = threadIdx.y;
    const int row = blockIdx.y * 16 + y, column = blockIdx.x * 16 + x;
    float sum = 0.0f;
    for (int k_o = 0; k_o < k; k_o += 16) {
        a_panel[y][x] = row < m && k_o + x < k ? __ldg(a + row * k + k_o + x) : 0.0f;
        b_panel[y][x] = column < n && k_o + y < k ? __ldg(b + (k_o + y) * n + column) : 0.0f;
        if (left_out != 1) __syncthreads();
        for (int k_i = 0; k_i < 16; ++k_i) sum = fmaf(a_panel[y][k_i], b_panel[k_i][x], sum);
        if (left_out != 2) __syncthreads();
    }
    if (row < m && column < n) c[row * n + column] = sum;
}

/// sums[t] = sum over chunks of 256 of the four values that thread t + 1 has copied: two stages of
/// cp.async in dynamic shared memory (2048 bytes), 64 threads, zeros behind the n values of x.
/// Left out: the wait in the loop (1), the barrier behind it (2), that behind the sums (3).
extern "C" __global__ void __launch_bounds__(64)
    pipeline(const float *__restrict__ x, float *__restrict__ sums, const int n,
             const int left_out) {
    float *stages = reinterpret_cast<float *>(dynamic_shared());
    const int t = threadIdx.x, chunks = (n + 255) / 256;
    float sum = 0.0f;
    for (int chunk = -1; chunk < chunks; ++chunk) {
        const int next = chunk + 1;
        if (next < chunks) {
            const int first = next * 256 + t * 4, rest = max(min(n - first, 4), 0);
            float *to = stages + (next & 1) * 256 + t * 4;
            cp_async_zero_fill<16>(to, rest > 0 ? x + first : x, rest * 4);
        }
        cp_async_commit();
        if (chunk < 0) continue;
        if (left_out != 1) cp_async_wait<1>();
        if (left_out != 2) __syncthreads();
        const float4 v =
            *reinterpret_cast<const float4 *>(stages + (chunk & 1) * 256 + (t + 1) % 64 * 4);
        sum += (v.x + v.y) + (v.z + v.w);
        if (left_out != 3) __syncthreads();
    }
    cp_async_wait<0>();
    sums[t] = sum;
}

/// results[9 * warp ...] of the values of a warp: sum by shfl_down, sum by shfl_xor in lane 31,
/// lane 5's value, ballot, any and all of "is odd", the value 3 lanes up from lane 9, sum of lanes
/// 0 to 7, sum of lanes 0 to 15 alone.
extern "C" __global__ void warp_functions(const int *__restrict__ values,
                                          int *__restrict__ results) {
    const unsigned all = 0xFFFFFFFF;
    const int lane = threadIdx.x % 32, value = values[threadIdx.x];
    int down = value, bits = value, eight = value;
    for (int d = 16; d > 0; d /= 2) down += __shfl_down_sync(all, down, d);
    for (int d = 16; d > 0; d /= 2) bits += __shfl_xor_sync(all, bits, d);
    for (int d = 4; d > 0; d /= 2) eight += __shfl_xor_sync(all, eight, d, 8);
    const int fifth = __shfl_sync(all, value, 5), up = __shfl_up_sync(all, value, 3);
    const unsigned odd = __ballot_sync(all, value % 2);
    const int any = __any_sync(all, value % 2), every = __all_sync(all, value % 2);
    int *of_warp = results + threadIdx.x / 32 * 9;
    if (lane == 0) of_warp[0] = down, of_warp[2] = fifth, of_warp[3] = static_cast<int>(odd);
    __syncwarp();
    if (lane == 31) of_warp[1] = bits, of_warp[4] = any, of_warp[5] = every;
    if (lane == 9) of_warp[6] = up;
    if (lane < 16) {
        int half = value;
        for (int d = 8; d > 0; d /= 2) half += __shfl_down_sync(0x0000FFFF, half, d, 16);
        if (lane == 0) of_warp[8] = half;
    }
    if (lane == 7) of_warp[7] = eight;
}

/// d = d + a * b by one warp; lane after lane four registers of a, two of b, four accumulators.
#define MMA_KERNEL(function, type)                                                              \
    extern "C" __global__ void __launch_bounds__(32) kernel_##function(                         \
        const uint32_t *__restrict__ a, const uint32_t *__restrict__ b, type *__restrict__ d) { \
        const int lane = threadIdx.x;                                                           \
        type sums[4];                                                                           \
        for (int e = 0; e < 4; ++e) sums[e] = d[4 * lane + e];                                  \
        function(sums, a[4 * lane], a[4 * lane + 1], a[4 * lane + 2], a[4 * lane + 3],          \
                 b[2 * lane], b[2 * lane + 1]);                                                 \
        for (int e = 0; e < 4; ++e) d[4 * lane + e] = sums[e];                                  \
    }
MMA_KERNEL(mma_m16n8k8_tf32, float)
MMA_KERNEL(mma_m16n8k16_bf16, float)
MMA_KERNEL(mma_m16n8k16_f16, float)
MMA_KERNEL(mma_m16n8k32_s8, int)

/// registers[i][lane] of 4 matrices, and then of the first 2: row r of matrix i is row 8 * i + r of
/// `rows`, of 8 elements.
#define LDMATRIX_KERNEL(function)                                                                \
    extern "C" __global__ void __launch_bounds__(32)                                             \
        kernel_##function(const uint16_t *__restrict__ rows, uint32_t *__restrict__ registers) { \
        __shared__ __align__(16) uint16_t staged[32 * 8];                                        \
        const int lane = threadIdx.x;                                                            \
        for (int i = 0; i < 8; ++i) staged[8 * lane + i] = rows[8 * lane + i];                   \
        __syncthreads();                                                                         \
        const vec<uint32_t, 4> four = function<4>(staged + 8 * lane);                            \
        const vec<uint32_t, 2> two = function<2>(staged + 8 * (lane % 16));                      \
        for (int i = 0; i < 4; ++i) registers[32 * i + lane] = four[i];                          \
        for (int i = 0; i < 2; ++i) registers[32 * (4 + i) + lane] = two[i];                     \
    }
LDMATRIX_KERNEL(ldmatrix)
LDMATRIX_KERNEL(ldmatrix_transposed)
