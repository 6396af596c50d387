// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace convwright {

/// What a child process may use; 0 is no limit.
struct ProcessLimits {
    double wall_seconds = 0;
    int64_t cpu_seconds = 0;   ///< Of user and system time, whole seconds.
    int64_t memory_bytes = 0;  ///< Of address space.
};

/// How a child process ended.
struct ProcessResult {
    enum class End {
        kExited,       ///< By itself, with `status`.
        kSignalled,    ///< By the signal `status`.
        kWallTimeout,  ///< Killed when its wall time was over.
        kCpuTimeout,   ///< Killed when its processor time was over.
        kNotStarted,   ///< `status` is the errno.
    };
    End end = End::kNotStarted;
    int status = 0;
    std::string output;     ///< Of stdout, its first 16 MB.
    std::string complaint;  ///< Of stderr, its last 64 KB.
    double wall_seconds = 0, cpu_seconds = 0;
    int64_t peak_bytes = 0;  ///< Resident.

    bool success() const { return end == End::kExited && status == 0; }
    /// Why it was no success, in words: "was killed by signal 11 (Segmentation fault)".
    std::string what_happened() const;
};

/// Throws std::runtime_error, one sentence, if a process could not be started: that says something about this machine,
/// and nothing about the candidate that the process was for. `purpose` is a part of the sentence.
void require_started(const ProcessResult &result, const std::string &purpose);

/// Runs a program, found as a shell would, in a process group of its own, and returns when it has ended or
/// reached a limit; then nothing of its group is left. It dies with its parent's thread, reads an
/// empty stdin, and inherits no descriptor but these three. `input` is written to its stdin.
ProcessResult run_process(const std::vector<std::string> &command, const ProcessLimits &limits,
                          const std::string &input = "");

}  // namespace convwright
