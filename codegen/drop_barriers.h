// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// Takes out barriers that order nothing. Halide puts one behind each stage and each unrolled copy of
/// a store into shared memory. One goes if no thread accesses, between the barrier before it and the
/// one after it on any path, an element that another thread writes on its other side: the elements
/// are enumerated for all threads of the block and all turns of its loops. Where an index depends on
/// more than that, or the size of the block or of a loop is not constant, barriers stay.
Halide::Internal::Stmt drop_barriers(const Halide::Internal::Stmt &nest);

}  // namespace convwright
