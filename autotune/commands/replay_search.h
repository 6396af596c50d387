// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "autotune/commands/command.h"

namespace convwright {

struct ReplayArguments {
    std::string file;  ///< As `convwright-tune record` writes it.
    int64_t trials = 64;
    uint64_t seed = 1;
    bool json = false;
};

/// Searches the space of a recording by its times: the same file, seed and database give the same trials. The exit
/// status. Throws std::invalid_argument for a file that is none.
int replay_search(const ReplayArguments &arguments, const CommonArguments &common);

}  // namespace convwright
