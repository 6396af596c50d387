// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// What the 8-bit engines ask of a CPU. Each of the AVX-512 flags includes F, BW, DQ and VL.
struct Int8Cpu {
    bool avx2 = false;
    bool vnni = false;  ///< AVX-512 VNNI: dot products of bytes.
    bool vbmi = false;  ///< AVX-512 VBMI: look-ups in tables of 128 bytes.
};

/// Of this CPU, below the rung that CONVWRIGHT_ISA allows (runtime/isa.h).
Int8Cpu host_int8_cpu() noexcept;

}  // namespace convwright
