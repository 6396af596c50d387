// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "autotune/compile_kernel.h"
#include "autotune/making_folder.h"

namespace convwright {

/// "nhwc" or "nchw", as Generators take it.
inline const char *format_name(Format format) { return format == Format::kNhwc ? "nhwc" : "nchw"; }

/// The steps in which a kernel is made, each a process of its own, in a folder that goes when this does. A step
/// that fails says why.
class KernelSteps {
public:
    KernelSteps(const std::string &symbol, const std::string &folder, const ProcessLimits &limits);

    /// Where the files of the kernel lie while it is made, without their suffixes.
    const std::string &stem() const { return stem_; }
    /// That of the files.
    std::string folder() const { return work_.path(); }
    std::string contents(const char *suffix) const;

    /// `name` is that of the program in sentences. Throws as require_started().
    std::optional<NotMade> run(const char *name, const std::vector<std::string> &command) const;
    /// The Generator, which makes <symbol>.o and files of the kinds `also`; `params` are "name=value".
    std::optional<NotMade> generate(const std::string &program, const std::string &generator,
                                    const std::string &target, const std::string &also,
                                    const std::vector<std::string> &params) const;
    /// <symbol>.so from <symbol>.o.
    std::optional<NotMade> link(const KernelTools &tools) const;
    /// Moves a file to the folder where kernels are kept, as a whole or not at all; `name_end` says by its SHA-256 what
    /// stands behind the symbol there, where that is not the suffix.
    std::optional<NotMade> keep(const char *suffix, std::string &path, std::string &sha256,
                                std::string (*name_end)(const std::string &) = nullptr) const;

private:
    std::string symbol_, kept_in_;
    ProcessLimits limits_;
    MakingFolder work_;
    std::string stem_;
};

}  // namespace convwright
