// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

struct ChildResult {
    int status;          ///< Exit status, or -1 if a signal ended it.
    std::string output;  ///< stdout and stderr together.
};

/// Runs a shell command to its end.
ChildResult run_child(const std::string &command);

}  // namespace convwright
