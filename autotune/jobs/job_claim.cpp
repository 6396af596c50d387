// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/job_claim.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "autotune/database/claim_owner.h"
#include "autotune/jobs/job_folder.h"
#include "runtime/private_file.h"

namespace convwright {
namespace {

constexpr size_t kMostLeaseBytes = 1 << 10;
constexpr int kTouchesOfALease = 4;

double seconds_of(const timespec &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The present time by the clock that touches files: of a shared file system it is the server's.
double now_in(const std::string &folder) {
    std::string name = folder + "/.now-XXXXXX";
    const FileDescriptor file(mkostemp(name.data(), O_CLOEXEC));
    struct stat status;
    const bool made =
        file.get() >= 0 && futimens(file.get(), nullptr) == 0 && fstat(file.get(), &status) == 0;
    const int error = errno;
    if (file.get() >= 0) unlink(name.c_str());
    if (!made)
        throw std::runtime_error("Leases of jobs cannot be written to '" + folder +
                                 "': " + std::strerror(error) + ".");
    return seconds_of(status.st_mtim);
}

/// Whether its holder let go of it, alive.
bool was_let_go(const std::string &folder, const std::string &lease) {
    struct stat status;
    return stat((folder + "/" + lease).c_str(), &status) == 0 && status.st_mtim.tv_sec == 0;
}

/// Whether its holder works on.
bool is_held(const std::string &folder, const std::string &lease) {
    struct stat status;
    if (stat((folder + "/" + lease).c_str(), &status) != 0) return false;
    const FileDescriptor opened(folder, O_RDONLY | O_DIRECTORY);
    std::string text, owner;
    double length = 0;
    if (read_private_file(opened.get(), lease, kMostLeaseBytes, text).empty()) {
        std::istringstream words(text);
        words >> length >> owner;
    }
    // Nobody's text: its holder may still be alive.
    if (!(length > 0)) length = kLeaseSeconds;
    if (owner_has_ended(owner)) return false;
    // From the future: it was touched before the clock was set back, and a holder that lives touches it again.
    return std::abs(now_in(folder) - seconds_of(status.st_mtim)) <= length;
}

}  // namespace

/// Touches a file until it ends.
class JobClaim::Heartbeat {
public:
    Heartbeat(const std::string &path, double lease_seconds)
        : file_(path, O_WRONLY),
          pause_(lease_seconds / kTouchesOfALease),
          thread_([this] { run(); }) {}
    ~Heartbeat() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            ended_ = true;
        }
        wake_.notify_all();
        thread_.join();
        // Where the job was done this says nothing; else, as after an exception, the next one need not wait, and
        // this one counts for none that died.
        const timespec longest_ago[2] = {};
        if (futimens(file_.get(), longest_ago) != 0) return;  // the lease ends by itself
    }

private:
    void run() {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!wake_.wait_for(lock, pause_, [this] { return ended_; })) {
            if (futimens(file_.get(), nullptr) != 0) return;  // others take it over
        }
    }

    FileDescriptor file_;
    std::chrono::duration<double> pause_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool ended_ = false;
    std::thread thread_;
};

JobClaim::JobClaim(const std::string &folder, const std::string &job, double lease_seconds) {
    const auto lease_of = [&](int holder) { return job + "." + std::to_string(holder); };
    int holders = 0;
    while (access((folder + "/" + lease_of(holders)).c_str(), F_OK) == 0) holders++;
    if (holders > 0 && is_held(folder, lease_of(holders - 1))) return;
    int died = 0;
    for (int holder = 0; holder < holders; holder++) died += !was_let_go(folder, lease_of(holder));
    if (died >= kMostHolders) {
        state_ = State::kGivenUp;
        return;
    }
    std::ostringstream text;
    text << lease_seconds << " " << claim_owner() << "\n";
    const std::string lease = lease_of(holders);
    if (!write_new_file(folder, lease, text.str())) return;  // another was faster
    heartbeat_ = std::make_unique<Heartbeat>(folder + "/" + lease, lease_seconds);
    state_ = State::kMine;
}

JobClaim::~JobClaim() = default;

}  // namespace convwright
