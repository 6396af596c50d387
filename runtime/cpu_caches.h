// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace convwright {

/// Bytes of the second-level cache of a core, which it shares with none; 2 MB where the system does not say.
int64_t second_level_bytes();

}  // namespace convwright
