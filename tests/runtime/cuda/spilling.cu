// SPDX-License-Identifier: Apache-2.0
// Two kernels, one of which cannot keep its 96 sums in the registers that 1024 threads leave it.

extern "C" __global__ void __launch_bounds__(64) fits_0(float *out) { out[threadIdx.x] += 1.0f; }

// launch: spills_0 1024 65536
extern "C" __global__ void __launch_bounds__(1024)
spills_0(const float *in, float *out, const int turns) {
    float sums[96];
#pragma unroll
    for (int i = 0; i < 96; ++i) sums[i] = 0.0f;
    for (int turn = 0; turn < turns; ++turn) {
#pragma unroll
        for (int i = 0; i < 96; ++i) sums[i] = fmaf(in[turn * 96 + i], in[turn + i], sums[i]);
    }
#pragma unroll
    for (int i = 0; i < 96; ++i) out[i * 1024 + threadIdx.x] = sums[i];
}
