// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

namespace convwright {

/// Register tiles that the schedule holds at block level. Halide allocates one tile for the whole
/// block and indexes it as thread part + constant, which no compiler keeps in registers. Each
/// allocation in MemoryType::Register becomes an array of the thread's own: the thread part goes, one
/// slot stays per constant, in ascending order.
///
/// A compile error where that would change the program or leave the registers: two indices that do
/// not differ by a constant, an index over a loop of the kernel that is not unrolled, a slot that is
/// read and never stored (another thread's element).
Halide::Internal::Stmt privatize_registers(const Halide::Internal::Stmt &nest);

}  // namespace convwright
