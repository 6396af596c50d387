// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/isa.h"

namespace convwright {

/// host_isa(), after a look at CONVWRIGHT_ISA: throws std::runtime_error, one sentence, at every call where its
/// value is none of those that are accepted. Whoever is about to choose a kernel for a user asks this one.
Isa host_isa_as_set();

}  // namespace convwright
