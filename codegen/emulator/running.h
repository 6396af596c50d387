// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <source_location>
#include <string>

#include "codegen/emulator/async_copies.h"
#include "codegen/emulator/shared_memory.h"

/// What the emulated CUDA functions ask of the thread that runs.
namespace convwright::emulator {

constexpr unsigned kWarpThreads = 32;
constexpr unsigned kAllLanes = 0xFFFFFFFF;

/// What a launch has done, for tests that count.
struct Counters {
    int64_t barriers = 0;      ///< Passed by a block.
    int64_t collectives = 0;   ///< Done by a warp or a part of one: shuffles, votes, mma.
    int64_t mmas = 0;          ///< Of these, matrix products.
    int64_t async_copies = 0;  ///< Started by a thread.
    int64_t async_bytes = 0;   ///< That they write into shared memory, zeros included.
};

using Where = std::source_location;

/// The launch fails with "kernel k, block (x,y,z), thread (x,y,z): <what>.", where thread is the
/// one that runs.
void report(const std::string &what);

/// Leaves the thread for good, after report(). No destructor of its stack runs: a caller holds no
/// memory by then, which is why this is not one function with report().
[[noreturn]] void stop();

/// "file.cu:12", the line of the kernel's text.
std::string line_of(const Where &where);

/// Returns when each thread of the block has come to the barrier of the same line.
void barrier(const Where &where);

/// Work of a warp: `frames[lane]` is what that lane brought, for the lanes of `mask`.
using Combine = void (*)(void *const *frames, unsigned mask);

/// Returns when each lane of `mask` has come to the same line with the same mask. The last one to
/// come calls `combine`, which puts the results into the frames; null if there is nothing to do.
void collective(const char *name, unsigned mask, Combine combine, void *frame, const Where &where);

unsigned lane();  ///< Of the thread that runs, in its warp.
AsyncCopies &async_copies();
const SharedMemory &shared_memory();
Counters &counters();

}  // namespace convwright::emulator
