// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/fnv.h"

namespace convwright {

// The file of tuned choices, little-endian: a header, `count` entries in ascending order of their
// hashes, and the texts that entries point into.

struct TunedTableHeader {
    char magic[8];
    uint64_t count;
    uint64_t bytes;     ///< Of the file.
    uint64_t checksum;  ///< fnv1a() of all behind the header.
};
inline constexpr char kTunedTableMagic[8] = {'C', 'W', 'T', 'U', 'N', 'E', 'D', '1'};

struct TunedText {
    uint32_t first, size;  ///< In the file.
};

struct TunedTableEntry {
    uint64_t hash;  ///< tuned_hash() of the next three.
    TunedText identity, problem;
    int64_t phase;
    TunedText space, candidate, artifact, device, versions;
    double seconds;
};

inline uint64_t tuned_hash(std::string_view identity, std::string_view problem, int64_t phase) {
    const uint64_t hash = fnv1a(problem, fnv1a("\n", fnv1a(identity)));
    return (hash ^ static_cast<uint64_t>(phase)) * 0x100000001b3;
}

}  // namespace convwright
