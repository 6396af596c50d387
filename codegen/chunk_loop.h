// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <optional>
#include <string>

namespace convwright {

/// A loop copies . barrier . use [. barrier], taken apart. Each part has the lets that it uses.
struct ChunkLoop {
    Halide::Internal::Stmt loop;    ///< The For as it was.
    Halide::Internal::Stmt copies;  ///< In front of the first barrier, without waits for copies.
    Halide::Internal::Stmt use;     ///< Behind it, without a barrier at its end.
    bool waits = false;             ///< For copies, its own or earlier ones, in front of it.
};

/// The parts of a loop that has a barrier in its own body, not in loops or branches inside; nothing
/// for others and for one that stores nothing in front of it.
std::optional<ChunkLoop> chunk_loop(const Halide::Internal::Stmt &loop);

/// Why the part in front of the barrier cannot run while an earlier chunk is used, behind "the loop L
/// "; empty if it can: it only stores into shared memory and reads nothing that the loop writes.
std::string why_no_copies(const ChunkLoop &chunk,
                          const std::map<std::string, Halide::Type> &shared);

}  // namespace convwright
