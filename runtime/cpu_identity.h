// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// What of this CPU decides whether a tuned choice answers for it: "cpu/<model>/<isa>", as in
/// "cpu/Intel(R) Xeon(R) Processor/avx512". `root` stands in front of /proc.
std::string cpu_identity(const std::string &root = "");

/// The model's name of /proc/cpuinfo, blanks joined; "unknown" where it says none.
std::string cpu_model(const std::string &root = "");

}  // namespace convwright
