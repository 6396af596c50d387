// SPDX-License-Identifier: Apache-2.0
#include "tests/child_process.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <stdexcept>

namespace convwright {

ChildResult run_child(const std::string &command) {
    FILE *pipe = popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
    ChildResult result{-1, ""};
    std::array<char, 4096> buffer;
    for (size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        result.output.append(buffer.data(), n);
    }
    const int status = pclose(pipe);
    if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
    return result;
}

}  // namespace convwright
