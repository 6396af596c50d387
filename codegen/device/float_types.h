// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/integers.h"
#include "codegen/device/vectors.h"

#if !defined(__CUDACC__)
#include <bit>

#include "codegen/emulator/keywords.h"
#endif

/// bfloat16 and half as memory holds them. Arithmetic is done in float32; storing rounds to
/// nearest, ties to even. NVRTC has them without any header of the toolkit.
namespace convwright::device {

struct bfloat16 {
    uint16_t bits;  ///< The upper half of a float32.
};
struct float16 {
    uint16_t bits;  ///< IEEE 754 binary16.
};

__device__ inline uint32_t bits_of(float value) { return bits_as<uint32_t>(value); }
__device__ inline float float_of(uint32_t bits) { return bits_as<float>(bits); }

__device__ inline float to_float(bfloat16 value) { return float_of(uint32_t(value.bits) << 16); }

/// Every NaN becomes 0x7FFF, as by `cvt.rn.bf16.f32` (PTX ISA, "cvt").
__device__ inline bfloat16 to_bfloat16(float value) {
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return {uint16_t(0x7FFF)};
    return {uint16_t((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16)};
}

__device__ inline float to_float(float16 value) {
#if defined(__CUDACC__)
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
#else
    return static_cast<float>(std::bit_cast<_Float16>(value.bits));
#endif
}

/// Every NaN becomes 0x7FFF, as by `cvt.rn.f16.f32`.
__device__ inline float16 to_float16(float value) {
#if defined(__CUDACC__)
    float16 result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
#else
    if (value != value) return {0x7FFF};
    return {std::bit_cast<uint16_t>(static_cast<_Float16>(value))};
#endif
}

/// Rounded to TF32, ties away from zero; what mma_m16n8k8_tf32 takes. Its lower 13 bits are zero.
__device__ inline uint32_t to_tf32(float value) {
#if defined(__CUDACC__)
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
#else
    const uint32_t bits = bits_of(value);
    if (value != value) return 0x7FFFFFFFu;
    if ((bits & 0x7FFFFFFFu) == 0x7F800000u) return bits;
    return (bits + 0x1000u) & 0xFFFFE000u;
#endif
}

}  // namespace convwright::device
