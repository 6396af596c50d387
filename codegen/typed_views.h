// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <string>

namespace convwright {

/// Halide puts shared Funcs of several types into one allocation of the widest type and counts each
/// access in elements of its own type. Renames the accesses of other types than the allocation's, so
/// that each name has one type; `views` gets the new names and their types.
Halide::Internal::Stmt typed_views(const Halide::Internal::Allocate *allocation,
                                   std::map<std::string, Halide::Type> &views);

}  // namespace convwright
