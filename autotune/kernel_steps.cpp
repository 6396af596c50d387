// SPDX-License-Identifier: Apache-2.0
#include "autotune/kernel_steps.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/sha256.h"

namespace convwright {

namespace fs = std::filesystem;

KernelSteps::KernelSteps(const std::string &symbol, const std::string &folder,
                         const ProcessLimits &limits)
    : symbol_(symbol),
      kept_in_(folder),
      limits_(limits),
      work_(folder),
      stem_(work_.path() + "/" + symbol) {}

std::string KernelSteps::contents(const char *suffix) const {
    std::ifstream file(stem_ + suffix, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::optional<NotMade> KernelSteps::run(const char *name,
                                        const std::vector<std::string> &command) const {
    if (work_.path().empty())
        return NotMade{false, "Nothing can be written to '" + kept_in_ + "'."};
    const ProcessResult result = run_process(command, limits_);
    require_started(result, name);
    if (result.success()) return std::nullopt;
    const std::string first = result.complaint.substr(0, result.complaint.find('\n'));
    const bool timeout = result.end == ProcessResult::End::kWallTimeout ||
                         result.end == ProcessResult::End::kCpuTimeout;
    return NotMade{timeout, std::string(name) + " " + result.what_happened() + " for " + symbol_ +
                                (first.empty() ? "." : ": " + first)};
}

std::optional<NotMade> KernelSteps::generate(const std::string &program,
                                             const std::string &generator,
                                             const std::string &target, const std::string &also,
                                             const std::vector<std::string> &params) const {
    std::vector<std::string> command = {program,         "-g", generator,    "-f",
                                        symbol_,         "-n", symbol_,      "-e",
                                        "object" + also, "-o", work_.path(), "target=" + target};
    command.insert(command.end(), params.begin(), params.end());
    return run("the Generator", command);
}

std::optional<NotMade> KernelSteps::link(const KernelTools &tools) const {
    return run("the linker",
               {tools.linker, "-shared", "-o", stem_ + ".so", stem_ + ".o", tools.shim});
}

std::optional<NotMade> KernelSteps::keep(const char *suffix, std::string &path, std::string &sha256,
                                         std::string (*name_end)(const std::string &)) const {
    sha256 = sha256_hex(contents(suffix));
    path = kept_in_ + "/" + symbol_ + (name_end == nullptr ? suffix : name_end(sha256));
    std::error_code error;
    fs::permissions(stem_ + suffix, fs::perms::owner_all, error);
    if (!error) fs::rename(stem_ + suffix, path, error);
    if (!error) return std::nullopt;
    return NotMade{false, "'" + path + "' cannot be written: " + error.message() + "."};
}

}  // namespace convwright
