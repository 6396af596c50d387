// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/emulate.h"

#include <cstdio>

#include "codegen/emulator/keywords.h"

namespace convwright::emulator {
namespace {

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability", 7.5 to 9.0; the
// shared memory is that of 9.0.
constexpr uint64_t kMostThreads = 1024, kMostThreadsZ = 64, kMostGridYz = 65535;
constexpr uint64_t kMostGridX = 0x7FFFFFFF, kMostSharedBytes = 227 << 10;

const char *why_impossible(const Launch &launch) {
    const dim3 &g = launch.grid, &b = launch.block;
    if (g.x == 0 || g.y == 0 || g.z == 0) return "the grid is empty";
    if (b.x == 0 || b.y == 0 || b.z == 0) return "the block is empty";
    if (uint64_t{g.x} * g.y * g.z > kMostGridX) return "the grid is too large";
    if (g.y > kMostGridYz || g.z > kMostGridYz) return "the grid is too large";
    if (b.z > kMostThreadsZ || uint64_t{b.x} * b.y * b.z > kMostThreads) {
        return "the block has too many threads";
    }
    if (launch.shared_bytes > kMostSharedBytes) return "more shared memory than any device has";
    return nullptr;
}

}  // namespace

Outcome run_grid(const Launch &launch, const std::function<void()> &body) {
    if (const char *why = why_impossible(launch)) {
        return {std::string("kernel ") + launch.kernel + " cannot be launched: " + why + ".", {}};
    }
    gridDim = launch.grid;
    blockDim = launch.block;
    std::mt19937_64 random(launch.seed);
    const SharedMemory shared(launch.shared_bytes);
    Block block(launch.kernel, launch.block, shared);
    const unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
    std::string error;
    for (const unsigned i : ordered(blocks, launch.order, random)) {
        const uint3 index{i % gridDim.x, i / gridDim.x % gridDim.y, i / gridDim.x / gridDim.y};
        error = block.run(index, body, launch.order, random);
        if (!error.empty()) break;
    }
    return {error, block.counters()};
}

}  // namespace convwright::emulator

// The sanitizers call these when they have found something, before they end the program: their
// reports show the line of the kernel, but not which of its threads it was. In this file, since a
// linker takes only files of a library that something refers to.

static void print_position() {
    const std::string position = convwright::emulator::running_position();
    if (!position.empty()) std::fprintf(stderr, "In %s:\n", position.c_str());
}

extern "C" {
[[gnu::visibility("default")]] void __asan_on_error();
[[gnu::visibility("default")]] void __ubsan_on_report();
void __asan_on_error() { print_position(); }
void __ubsan_on_report() { print_position(); }
}
