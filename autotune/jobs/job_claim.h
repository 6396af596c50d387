// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

namespace convwright {

constexpr double kLeaseSeconds = 60;

/// A job that this process works on. Others leave it alone as long as its lease, a file, is touched again and again,
/// which a thread of this object does. A lease that was not touched for its length, or whose holder on this machine
/// has ended, is taken over by the next number: `<job>.0`, `<job>.1`, ... Of all processes one makes each of
/// these files, and none is ever removed, so that no two hold the same one. A holder that lets go sets its lease to the
/// beginning of 1970, which needs no space: it did not die of the job.
class JobClaim {
public:
    enum class State {
        kMine,
        kOthers,   ///< Another process, which is alive, works on it.
        kGivenUp,  ///< kMostHolders died while they worked on it.
    };
    static constexpr int kMostHolders = 3;

    /// Tries to have the job called `job`, with leases in `folder`. Throws std::runtime_error with one sentence where
    /// leases cannot be written.
    JobClaim(const std::string &folder, const std::string &job, double lease_seconds);
    ~JobClaim();
    JobClaim(const JobClaim &) = delete;
    JobClaim &operator=(const JobClaim &) = delete;

    State state() const { return state_; }

private:
    class Heartbeat;
    State state_ = State::kOthers;
    std::unique_ptr<Heartbeat> heartbeat_;
};

}  // namespace convwright
