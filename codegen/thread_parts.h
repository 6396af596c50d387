// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// The nest with indices of the caller's buffers, in loops, as
///   what changes with the loops + (what threads share + what is the thread's own),
/// where a sum is multiplied by a stride, too:
///   (i * 16 + thread + 8) * stride + (block * 16 + thread) * 4
///       -> i * 16 * stride + ((8 * stride + block * 64) + (thread * stride + thread * 4)).
/// Then a thread keeps its part in one register for all accesses, and what is left is the same for all
/// threads and costs none: in the order of Halide's lets each access has a register for its own sum.
Halide::Internal::Stmt separate_thread_parts(const Halide::Internal::Stmt &nest);

}  // namespace convwright
