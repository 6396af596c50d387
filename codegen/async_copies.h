// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <optional>

namespace convwright {

/// Copies from global into shared memory that pass no register. A store of a plain load, or of
/// select(condition, load, 0) with one condition for all lanes, is marked; emit_cuda prints a marked
/// store as cp.async where 4, 8 or 16 bytes are proven aligned on both sides, else as it was. A commit
/// and a wait for all stand in front of the next barrier on each path, and of whatever the thread itself does to shared
/// memory before one. To run after drop_barriers, which would otherwise keep a wait between copies.
Halide::Internal::Stmt async_copies(const Halide::Internal::Stmt &nest);

/// What a marked store copies.
struct AsyncCopy {
    const Halide::Internal::Load *load = nullptr;
    Halide::Expr
        condition;       ///< Undefined for a plain copy; else zeros are stored where it is false.
    Halide::Expr value;  ///< The store's value without the mark.
};

/// The copy of a marked store; nothing for any other.
std::optional<AsyncCopy> async_copy_of(const Halide::Internal::Store *store);

/// The copies that the thread has started since the last commit become a group.
Halide::Internal::Stmt async_commit();
bool is_async_commit(const Halide::Internal::Evaluate *op);

/// Waits for all groups of the thread but for the newest `under_way` ones.
Halide::Internal::Stmt async_wait(int under_way);
/// Of a wait the number of groups that it leaves; nothing for any other statement.
std::optional<int> async_wait_of(const Halide::Internal::Evaluate *op);

}  // namespace convwright
