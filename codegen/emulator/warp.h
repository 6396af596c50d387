// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "codegen/emulator/running.h"

// Barriers and warp functions (CUDA C++ Programming Guide, "Synchronization Functions", "Warp Vote
// Functions", "Warp Shuffle Functions") for g++. `where` is the line of the call and is not given.

namespace convwright::emulator {

template<typename T>
struct ShuffleFrame {
    T value;
    unsigned source;  // lane
    T result;
};

template<typename T>
T shuffle(const char *name, unsigned mask, T value, unsigned source, const Where &where) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
    if (source >= kWarpThreads || !(mask >> source & 1)) {
        report(std::string(name) + "() of " + line_of(where) + " reads lane " +
               std::to_string(source) + ", which is not in the mask");
        stop();
    }
    ShuffleFrame<T> frame{value, source, value};
    const Combine combine = [](void *const *frames, unsigned lanes) {
        for (unsigned i = 0; i < kWarpThreads; ++i) {
            if (!(lanes >> i & 1)) continue;
            auto *own = static_cast<ShuffleFrame<T> *>(frames[i]);
            own->result = static_cast<ShuffleFrame<T> *>(frames[own->source])->value;
        }
    };
    collective(name, mask, combine, &frame, where);
    return frame.result;
}

/// First lane of the part of the warp, `width` lanes, that the own lane is in.
inline unsigned part(int width) { return lane() & ~(static_cast<unsigned>(width) - 1); }

struct VoteFrame {
    bool predicate;
    unsigned ballot;  // bit i: the predicate of lane i
};

inline unsigned vote(const char *name, unsigned mask, bool predicate, const Where &where) {
    VoteFrame frame{predicate, 0};
    const Combine combine = [](void *const *frames, unsigned lanes) {
        unsigned ballot = 0;
        for (unsigned i = 0; i < kWarpThreads; ++i) {
            if (lanes >> i & 1)
                ballot |= unsigned{static_cast<VoteFrame *>(frames[i])->predicate} << i;
        }
        for (unsigned i = 0; i < kWarpThreads; ++i) {
            if (lanes >> i & 1) static_cast<VoteFrame *>(frames[i])->ballot = ballot;
        }
    };
    collective(name, mask, combine, &frame, where);
    return frame.ballot;
}

}  // namespace convwright::emulator

#define CONVWRIGHT_WHERE \
    const convwright::emulator::Where &where = convwright::emulator::Where::current()

inline void __syncthreads(CONVWRIGHT_WHERE) { convwright::emulator::barrier(where); }

inline void __syncwarp(unsigned mask = convwright::emulator::kAllLanes, CONVWRIGHT_WHERE) {
    convwright::emulator::collective("__syncwarp", mask, nullptr, nullptr, where);
}

template<typename T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, CONVWRIGHT_WHERE) {
    using namespace convwright::emulator;
    const unsigned from = part(width) + (static_cast<unsigned>(source) & unsigned(width - 1));
    return shuffle("__shfl_sync", mask, value, from, where);
}

template<typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, CONVWRIGHT_WHERE) {
    using namespace convwright::emulator;
    const unsigned from = lane() >= part(width) + delta ? lane() - delta : lane();
    return shuffle("__shfl_up_sync", mask, value, from, where);
}

template<typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, CONVWRIGHT_WHERE) {
    using namespace convwright::emulator;
    const bool inside = lane() + delta < part(width) + unsigned(width);
    return shuffle("__shfl_down_sync", mask, value, inside ? lane() + delta : lane(), where);
}

template<typename T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, CONVWRIGHT_WHERE) {
    using namespace convwright::emulator;
    const unsigned from = lane() ^ static_cast<unsigned>(lane_mask);
    const bool inside = from < part(width) + unsigned(width);
    return shuffle("__shfl_xor_sync", mask, value, inside ? from : lane(), where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, CONVWRIGHT_WHERE) {
    return convwright::emulator::vote("__ballot_sync", mask, predicate != 0, where);
}

inline int __any_sync(unsigned mask, int predicate, CONVWRIGHT_WHERE) {
    return convwright::emulator::vote("__any_sync", mask, predicate != 0, where) != 0;
}

inline int __all_sync(unsigned mask, int predicate, CONVWRIGHT_WHERE) {
    return convwright::emulator::vote("__all_sync", mask, predicate != 0, where) == mask;
}

inline unsigned __activemask() = delete;  // differs from run to run on a GPU

#undef CONVWRIGHT_WHERE
