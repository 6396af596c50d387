// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/work.h"

#include <chrono>
#include <set>
#include <thread>

#include "autotune/make_candidate.h"

namespace convwright {
namespace {

/// How often to look for jobs of workers that have died.
constexpr std::chrono::milliseconds kLookAgain{200};

}  // namespace

WorkDone work_through(const JobFolder &folder, const StageWork &work) {
    WorkDone done;
    std::set<std::string> left, told;
    const auto leave = [&](const std::string &name, const std::string &why) {
        left.insert(name);
        if (told.insert(why).second) work.tell(why);
    };
    for (bool waiting = true; waiting;) {
        waiting = false;
        bool progress = false;
        for (const std::string &name : folder.names(work.from)) {
            if (left.count(name) > 0 || folder.has(work.to, name)) continue;
            Job job;
            try {
                job = folder.job(work.from, name);
            } catch (const std::invalid_argument &error) {
                leave(name, error.what());
                continue;
            }
            if (const std::string why = work.why_not(job); !why.empty()) {
                leave(name, why);
                continue;
            }
            const JobClaim claim(folder.leases(), name + "." + std::to_string(int(work.from)),
                                 work.lease_seconds);
            if (claim.state() == JobClaim::State::kOthers) {
                waiting = true;
                continue;
            }
            // Done by whoever had it until now?
            if (folder.has(work.to, name)) continue;
            const bool mine = claim.state() == JobClaim::State::kMine;
            const std::string text =
                mine ? work.work(job)
                     : work.failed(
                           job, failed_result(Outcome::kCrashed,
                                              "Each of " + std::to_string(JobClaim::kMostHolders) +
                                                  " workers died while it had this job."));
            if (folder.add(work.to, name, text)) done.done++;
            progress = true;
        }
        if (waiting && !progress) std::this_thread::sleep_for(kLookAgain);
    }
    done.left = static_cast<int64_t>(left.size());
    return done;
}

}  // namespace convwright
