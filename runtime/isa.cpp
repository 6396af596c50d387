// SPDX-License-Identifier: Apache-2.0
#include "runtime/isa.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace convwright {
namespace {

constexpr const char *kNames[] = {"none", "avx2", "avx512"};

Isa detect() {
    __builtin_cpu_init();
    int isa = 0;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isa = 1;
    if (isa == 1 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        isa = 2;
    }
    if (const char *cap = std::getenv("CONVWRIGHT_ISA")) {
        for (int i = 0; i < 3; i++) {
            if (std::strcmp(cap, kNames[i]) == 0) isa = std::min(isa, i);
        }
    }
    return static_cast<Isa>(isa);
}

}  // namespace

Isa host_isa() noexcept {
    static const Isa isa = detect();
    return isa;
}

const char *isa_name(Isa isa) noexcept { return kNames[static_cast<int>(isa)]; }

}  // namespace convwright
