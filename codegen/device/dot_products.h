// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "codegen/device/integers.h"

#if !defined(__CUDACC__)
#include "codegen/emulator/keywords.h"
#endif

/// Dot products of four bytes (PTX ISA, "dp4a"; compute capability 6.1): sum + a0 b0 + ... + a3 b3, byte
/// i of a word in its bits 8 i on. Sums wrap around.
namespace convwright::device {

#if !defined(__CUDACC__)
template<typename Byte>
uint32_t dot_of_bytes(uint32_t sum, uint32_t a, uint32_t b) {
    for (int i = 0; i < 32; i += 8) {
        const int x = static_cast<Byte>(a >> i), y = static_cast<Byte>(b >> i);
        sum += static_cast<uint32_t>(x * y);
    }
    return sum;
}
#endif

/// Of bytes from -128 to 127.
__device__ __forceinline__ uint32_t dot_s8(uint32_t sum, uint32_t a, uint32_t b) {
#if defined(__CUDACC__)
    uint32_t result;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
#else
    return dot_of_bytes<int8_t>(sum, a, b);
#endif
}

/// Of bytes from 0 to 255.
__device__ __forceinline__ uint32_t dot_u8(uint32_t sum, uint32_t a, uint32_t b) {
#if defined(__CUDACC__)
    uint32_t result;
    asm("dp4a.u32.u32 %0, %1, %2, %3;" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
#else
    return dot_of_bytes<uint8_t>(sum, a, b);
#endif
}

}  // namespace convwright::device
