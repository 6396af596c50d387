// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// Where this user keeps what can be made again: $CONVWRIGHT_CACHE_DIR, else convwright in
/// $XDG_CACHE_HOME or in $HOME/.cache; empty if none of them is set. It may not exist yet.
std::string cache_folder();

}  // namespace convwright
