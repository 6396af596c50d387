// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace convwright {

// Numbers as reports show them.

std::string milliseconds(double seconds);  ///< "0.123 ms"
std::string utc_time(int64_t seconds);     ///< "2026-11-30 04:58", of seconds since 1970
std::string with_unit(double value,
                      const char *of);  ///< "231 MFLOP", "3.41 GB/s": four digits at most

}  // namespace convwright
