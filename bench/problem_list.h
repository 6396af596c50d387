// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/conv_problem.h"

namespace convwright {

/// Problems of a file: a problem string a line; `#` starts a comment. Throws std::invalid_argument
/// with one sentence that names the file, and the line if that is at fault.
std::vector<ConvProblem> read_problems(const std::string &file);

}  // namespace convwright
