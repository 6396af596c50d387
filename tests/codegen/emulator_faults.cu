// SPDX-License-Identifier: Apache-2.0
//
// Wrong kernels, for the tests of the emulator: one block of 64 threads, 256 bytes of dynamic
// shared memory, `in` and `out` of 64 floats.
#include "codegen/device/device.h"

using namespace convwright::device;

extern "C" __global__ void divergent_barrier(float *out) {
    if (threadIdx.x < 40) __syncthreads();
    out[threadIdx.x] = 1.0f;
}

extern "C" __global__ void two_barriers(float *out) {
    if (threadIdx.x < 32) {
        __syncthreads();
        out[threadIdx.x] = 1.0f;
    } else {
        __syncthreads();
        out[threadIdx.x] = 2.0f;
    }
}

extern "C" __global__ void missing_lane(float *out, const float *in) {
    const int t = threadIdx.x;
    float value = in[t];
    if (t % 32 != 7) value += __shfl_xor_sync(0xFFFFFFFF, value, 1);
    out[t] = value;
}

extern "C" __global__ void lane_at_barrier(float *out) {
    if (threadIdx.x != 35) __syncwarp();
    __syncthreads();
    out[threadIdx.x] = 1.0f;
}

extern "C" __global__ void lane_outside_mask(float *out, const float *in) {
    const int t = threadIdx.x;
    if (t % 32 < 16) out[t] = __shfl_sync(0x0000FFFF, in[t], 20);
}

extern "C" __global__ void own_lane_not_in_mask(float *out) {
    out[threadIdx.x] = __any_sync(0xFFFFFFFE, 1);
}

extern "C" __global__ void unwritten_shared(float *out) {
    __shared__ float tile[64];
    if (threadIdx.x == 3) tile[threadIdx.x] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = tile[threadIdx.x] + 0.0f * out[threadIdx.x];
}

extern "C" __global__ void write_past_static_shared(float *out, const int beyond) {
    __shared__ float tile[64];
    tile[threadIdx.x + beyond] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = tile[63 - threadIdx.x];
}

extern "C" __global__ void write_past_dynamic_shared(float *out, const int beyond) {
    float *tile = reinterpret_cast<float *>(dynamic_shared());
    tile[threadIdx.x + beyond] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = tile[63 - threadIdx.x];
}

extern "C" __global__ void read_past_global(float *out, const float *in, const int beyond) {
    out[threadIdx.x] = __ldg(in + threadIdx.x + beyond);
}

extern "C" __global__ void misaligned_float4(float *out, const float *in, const int first) {
    if (threadIdx.x > 0) return;
    const float4 v = *reinterpret_cast<const float4 *>(in + first);
    *reinterpret_cast<float4 *>(out) = make_float4(v.x, v.y, v.z, v.w);
}

/// Copies `Bytes` between addresses so many floats from the start of each, `source_bytes` of them.
template<int Bytes>
__device__ inline void copy_once(const float *in, int to, int from, int source_bytes) {
    float *stage = reinterpret_cast<float *>(dynamic_shared());
    if (threadIdx.x == 0) cp_async_zero_fill<Bytes>(stage + to, in + from, source_bytes);
    cp_async_commit();
    cp_async_wait<0>();
}

extern "C" __global__ void copy_4(const float *in, const int to, const int from, const int source) {
    copy_once<4>(in, to, from, source);
}
extern "C" __global__ void copy_12(const float *in, const int to, const int from,
                                   const int source) {
    copy_once<12>(in, to, from, source);
}
extern "C" __global__ void copy_16(const float *in, const int to, const int from,
                                   const int source) {
    copy_once<16>(in, to, from, source);
}

extern "C" __global__ void copy_to_global(float *out, const float *in) {
    cp_async<4>(out + threadIdx.x, in + threadIdx.x);
}

extern "C" __global__ void copy_without_wait(const float *in) {
    float *stage = reinterpret_cast<float *>(dynamic_shared());
    cp_async<4>(stage + threadIdx.x, in + threadIdx.x);
    cp_async_commit();
}

/// Row `lane` of the matrices lies 16 bytes times lane behind so many elements of shared memory.
extern "C" __global__ void load_matrices(uint32_t *out, const int first) {
    const uint16_t *stage = reinterpret_cast<const uint16_t *>(dynamic_shared());
    const int lane = threadIdx.x % 32;
    out[threadIdx.x] = ldmatrix<2>(stage + first + 8 * (lane % 16))[0];
}
