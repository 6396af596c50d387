// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright {

/// Rungs of the ladder of x86 instruction sets that kernels are built for, lowest first.
enum class Isa : int {
    kNone = 0,    ///< Older than AVX2 with FMA: the operators call PyTorch.
    kAvx2 = 1,    ///< AVX2 and FMA: 16 registers of 8 floats.
    kAvx512 = 2,  ///< AVX-512 F, CD, BW, DQ and VL: 32 registers of 16 floats.
};

/// Highest rung of this CPU, or the lower one that the environment variable CONVWRIGHT_ISA names
/// ("none", "avx2", "avx512"). Read once per process.
Isa host_isa() noexcept;

const char *isa_name(Isa isa) noexcept;
constexpr int vector_lanes(Isa isa) { return isa == Isa::kAvx512 ? 16 : 8; }
constexpr int vector_registers(Isa isa) { return isa == Isa::kAvx512 ? 32 : 16; }

}  // namespace convwright
