// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "autotune/outcome.h"
#include "autotune/space.h"
#include "autotune/target.h"

namespace convwright {

/// A candidate that is made on one machine and measured on another.
struct Job {
    Target target;
    Subject subject;
    std::string space;      ///< Space::hash().
    std::string candidate;  ///< Space::text().
    std::string versions;   ///< library_versions() of who made it.

    /// What came of making it, in jobs that are to be measured: the SHA-256 of the kernel's files, empty where the
    /// library has the kernel or there is none; or why it will not be measured.
    std::string sha256, images_sha256;
    std::optional<Result> failure;

    /// 16 hexadecimal digits over target, subject, space, candidate and versions.
    std::string name() const;
};

/// As JSON. parse_job_file() throws std::invalid_argument with one sentence for what is no job of this version.
std::string format_job_file(const Job &job);
Job parse_job_file(const std::string &text);

}  // namespace convwright
