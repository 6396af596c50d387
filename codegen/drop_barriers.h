// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// Takes out barriers that order nothing. Halide puts one behind each stage and each unrolled copy of
/// a store into shared memory. One goes if no thread accesses, between the barrier before it and the
/// one after it on any path, an element that another thread writes on its other side: the elements
/// are enumerated for all threads of the block. Where an index depends on more than the thread, a
/// block's size is not constant or a loop may lead from one side to the other, barriers stay.
Halide::Internal::Stmt drop_barriers(const Halide::Internal::Stmt &nest);

}  // namespace convwright
