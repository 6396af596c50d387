// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/int8_cpu.h"

#include "runtime/isa.h"

namespace convwright {

Int8Cpu host_int8_cpu() noexcept {
    const bool avx512 = host_isa() >= Isa::kAvx512;
    return {host_isa() >= Isa::kAvx2, avx512 && __builtin_cpu_supports("avx512vnni") != 0,
            avx512 && __builtin_cpu_supports("avx512vbmi") != 0};
}

}  // namespace convwright
