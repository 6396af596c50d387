// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// From now on a crash of this process, or a sanitizer that ends it, prints this line (its first 500 characters) first.
/// Empty: none. Not thread-safe.
void print_on_crash(const std::string &line);

}  // namespace convwright
