// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright::cuda {

/// What plans need to know of a GPU.
struct Device {
    int index = 0;
    int compute_capability = 0;  ///< 80 for 8.0.
    int multiprocessors = 1;
    int shared_bytes = 48 * 1024;  ///< That a block may have.
    std::string name;
};

}  // namespace convwright::cuda
