// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "codegen/chunk_loop.h"
#include "codegen/thread_addresses.h"

namespace convwright {

/// What the copies of a chunk loop fill of one shared allocation, as an allocation of its own.
struct StagedBuffer {
    std::string name;
    Halide::Type type;   ///< Of the allocation that it was part of.
    int elements = 0;    ///< Of one chunk, a multiple of 16 bytes.
    std::string offset;  ///< Variable of the parts: elements from the start to the chunk's own.
};

/// The parts of a chunk loop with the elements that its copies fill in allocations of their own, at a
/// place that may differ from chunk to chunk. Which accesses of the use are meant is decided by
/// enumerating addresses of all threads and constant loops.
class StagedMemory {
public:
    StagedMemory(const ChunkLoop &chunk, const std::map<std::string, Halide::Type> &shared,
                 const std::map<std::string, Halide::Expr> &lets, const ThreadLoops &threads);

    /// Why this cannot be, behind "the loop L "; empty if it can.
    const std::string &why_not() const { return why_not_; }
    const Halide::Internal::Stmt &copies() const { return copies_; }
    const Halide::Internal::Stmt &use() const { return use_; }
    /// By the allocation that it was part of.
    const std::map<std::string, StagedBuffer> &buffers() const { return buffers_; }

private:
    class Fills;
    class ToStages;

    const ThreadLoops &threads_;
    std::map<std::string, std::vector<bool>> filled_;  // by the copies: bytes of the allocation
    std::map<std::string, StagedBuffer> buffers_;
    Halide::Internal::Stmt copies_, use_;
    std::string why_not_;
};

/// Elements of its own type up to the last one of an allocation that a statement accesses; nothing
/// where they cannot be enumerated.
std::optional<int64_t> elements_used(const Halide::Internal::Allocate *allocation,
                                     const Halide::Internal::Stmt &body,
                                     const std::map<std::string, Halide::Expr> &lets,
                                     const ThreadLoops &threads);

}  // namespace convwright
