// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <string>

#include "codegen/kernel_shape.h"

namespace convwright {

/// The text of one kernel, without the prelude, and what its host needs to know.
struct KernelText {
    std::string text;
    int static_shared_bytes = 0;   ///< Shared memory that the text declares; at most 48 KB.
    int dynamic_shared_bytes = 0;  ///< Or all of it, above 48 KB, to be given at the launch.
    /// Bytes to which a buffer's device pointer must be aligned, where that is more than its type.
    std::map<std::string, int> alignment;
};

/// Readable CUDA C++ of a gpu_block nest: names kept, produce and consume as comments, one function
/// `name` with the parameters of `shape` in their order. `max_threads` goes into __launch_bounds__.
/// Vectors of memory are accesses of 4, 8 or 16 bytes where the index and set_host_alignment() prove
/// their alignment. `contract`: see ScalarText. A compile error names what has no CUDA form.
KernelText emit_cuda(const std::string &name, const Halide::Internal::Stmt &nest,
                     const KernelShape &shape, bool contract);

}  // namespace convwright
