// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "autotune/jobs/job_claim.h"
#include "autotune/jobs/job_folder.h"

namespace convwright {

/// What a worker does with the jobs of one stage.
struct StageWork {
    JobStage from, to;
    double lease_seconds = kLeaseSeconds;
    /// Empty, or why this worker cannot do the job and others may: one sentence.
    std::function<std::string(const Job &)> why_not;
    /// Does it and returns the text of the next stage.
    std::function<std::string(const Job &)> work;
    /// The text for a job with which this went wrong.
    std::function<std::string(const Job &, const Result &)> failed;
    /// Told each sentence once: what is no job, and why_not().
    std::function<void(const std::string &)> tell;
};

struct WorkDone {
    int64_t done = 0;  ///< By this worker.
    int64_t left = 0;  ///< Jobs that it could not do; each was told of.
};

/// Does jobs until none of the stage is open that this worker can do: also those of workers that die meanwhile.
WorkDone work_through(const JobFolder &folder, const StageWork &work);

}  // namespace convwright
