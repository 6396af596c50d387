// SPDX-License-Identifier: Apache-2.0
#include "runtime/cpu_identity.h"

#include <fstream>
#include <sstream>

#include "runtime/isa.h"

namespace convwright {

std::string cpu_model(const std::string &root) {
    std::ifstream file(root + "/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(':');
        if (colon == std::string::npos || line.rfind("model name", 0) != 0) continue;
        std::istringstream words(line.substr(colon + 1));
        std::string model;
        for (std::string word; words >> word;) model += (model.empty() ? "" : " ") + word;
        if (!model.empty()) return model;
    }
    return "unknown";
}

std::string cpu_identity(const std::string &root) {
    return "cpu/" + cpu_model(root) + "/" + isa_name(host_isa());
}

}  // namespace convwright
