// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/claim_owner.h"

#include <unistd.h>

#include <fstream>
#include <iterator>

namespace convwright {
namespace {

std::string boot() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    file >> id;
    // Containers share the boot and not the process numbers.
    char space[64] = {};
    if (readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0) space[0] = 0;
    return id + space;
}

/// When a process started, in clock ticks since the boot: numbers are used again. Empty if there is
/// none, or it has ended and waits for its parent.
std::string start_of(const std::string &process) {
    std::ifstream file("/proc/" + process + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    // The second field is the program's name in parentheses, and may hold anything.
    size_t at = stat.rfind(')');
    if (at == std::string::npos || at + 2 >= stat.size() || stat[at + 2] == 'Z') return "";
    constexpr int kStartField = 22;
    for (int field = 2; field < kStartField; field++) {
        at = stat.find(' ', at + 1);
        if (at == std::string::npos) return "";
    }
    return stat.substr(at + 1, stat.find(' ', at + 1) - at - 1);
}

}  // namespace

std::string claim_owner() {
    const std::string process = std::to_string(getpid());
    return boot() + "/" + process + "/" + start_of(process);
}

bool owner_has_ended(const std::string &owner) {
    const size_t first = owner.find('/');
    const size_t second = first == std::string::npos ? first : owner.find('/', first + 1);
    if (second == std::string::npos || owner.substr(0, first) != boot()) return false;
    return start_of(owner.substr(first + 1, second - first - 1)) != owner.substr(second + 1);
}

}  // namespace convwright
