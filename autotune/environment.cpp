// SPDX-License-Identifier: Apache-2.0
#include "autotune/environment.h"

#include <filesystem>
#include <fstream>
#include <set>

#include "runtime/cpu_identity.h"
#include "runtime/cuda/device.h"

namespace convwright {
namespace {

std::string first_word(const std::filesystem::path &path) {
    std::ifstream file(path);
    std::string word;
    file >> word;
    return word;
}

int count_cores(const std::string &root) {
    std::ifstream file(root + "/proc/cpuinfo");
    int cores = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("processor", 0) == 0) cores++;
    }
    return cores;
}

/// "L1d=48K", in the order of their names.
std::set<std::string> caches(const std::string &root) {
    const std::filesystem::path folder = root + "/sys/devices/system/cpu/cpu0/cache";
    std::set<std::string> found;
    std::error_code ignored;  // no such folder in some virtual machines: no caches are known then
    for (const auto &entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::string type = first_word(entry.path() / "type");
        const std::string size = first_word(entry.path() / "size");
        if (size.empty() || type == "Instruction") continue;
        found.insert("L" + first_word(entry.path() / "level") + (type == "Data" ? "d=" : "=") +
                     size);
    }
    return found;
}

}  // namespace

Environment cpu_environment(const std::string &versions, int threads, const std::string &root) {
    std::string device = "cores=" + std::to_string(count_cores(root));
    for (const std::string &cache : caches(root)) device += ";" + cache;
    device += ";threads=" + std::to_string(threads);
    return {cpu_identity(root), device, versions};
}

Environment gpu_environment(const GpuFacts &gpu, const std::string &versions) {
    return {cuda::gpu_identity(gpu.name, gpu.sms),
            "core_khz=" + std::to_string(gpu.core_khz) +
                ";memory_khz=" + std::to_string(gpu.memory_khz) +
                ";l2=" + std::to_string(gpu.l2_bytes) + ";driver=" + gpu.driver,
            versions};
}

}  // namespace convwright
