// SPDX-License-Identifier: Apache-2.0
#include "runtime/isa.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "runtime/isa_setting.h"

namespace convwright {
namespace {

constexpr const char *kNames[] = {"none", "avx2", "avx512"};
constexpr int kHighest = 2, kNoRung = 3;

/// The rung that CONVWRIGHT_ISA names, the highest where it is not set or empty, kNoRung for other texts.
int cap() {
    const char *text = std::getenv("CONVWRIGHT_ISA");
    if (text == nullptr || *text == '\0') return kHighest;
    int rung = 0;
    while (rung < kNoRung && std::strcmp(text, kNames[rung]) != 0) rung++;
    return rung;
}

Isa detect() {
    __builtin_cpu_init();
    int isa = 0;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isa = 1;
    if (isa == 1 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        isa = 2;
    }
    return static_cast<Isa>(std::min(isa, cap()));
}

void require_rung() {
    if (cap() != kNoRung) return;
    throw std::runtime_error("CONVWRIGHT_ISA is '" + std::string(std::getenv("CONVWRIGHT_ISA")) +
                             "'; accepted are none, avx2 and avx512.");
}

}  // namespace

Isa host_isa() noexcept {
    static const Isa isa = detect();
    return isa;
}

Isa host_isa_as_set() {
    static const bool sound = (require_rung(), true);  // asked again where it throws
    return sound ? host_isa() : Isa::kNone;
}

const char *isa_name(Isa isa) noexcept { return kNames[static_cast<int>(isa)]; }

}  // namespace convwright
