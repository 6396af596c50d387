// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autotune/jobs/job.h"
#include "runtime/private_file.h"

namespace convwright {

/// How far a job has come. A job is a file of the same name in the folder of each stage that it has reached.
enum class JobStage {
    kMake,     ///< Its kernel is to be made,
    kMeasure,  ///< was made and is to be measured,
    kResult,   ///< was measured: what `convwright-tune db export` would write of it.
};

/// A folder of jobs of this user, which several processes on several machines share. Files appear as a whole, are
/// never changed, and each at most once, whoever writes it. Members throw std::runtime_error with one sentence
/// where the disk fails.
class JobFolder {
public:
    /// Made for this user alone where it is missing, if `make`. Throws if it is not private.
    JobFolder(const std::string &path, bool make);

    const std::string &path() const { return path_; }
    /// Where kernels of jobs for a target lie: their files are named after the schedule alone.
    std::string kernels(const Target &target) const;
    std::string leases() const { return path_ + "/leases"; }
    std::string file(JobStage stage, const std::string &name) const;

    /// Jobs that have reached a stage, in the order of their names.
    std::vector<std::string> names(JobStage stage) const;
    bool has(JobStage stage, const std::string &name) const;
    /// False, and nothing is written, if the job has reached the stage already.
    bool add(JobStage stage, const std::string &name, const std::string &text) const;
    /// Empty, or why there is no text, the rest of a sentence. Files of others, and large ones, are not read.
    std::string read(JobStage stage, const std::string &name, std::string &text) const;
    /// The job, read and checked. Throws std::invalid_argument with one sentence that names the file.
    Job job(JobStage stage, const std::string &name) const;

private:
    std::string path_;
};

/// Writes `text` to a new file as a whole; false if there is a file of this name. Atomic on shared file systems, too.
/// Throws std::runtime_error with one sentence if it cannot be written.
bool write_new_file(const std::string &folder, const std::string &name, const std::string &text);

}  // namespace convwright
