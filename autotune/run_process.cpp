// SPDX-License-Identifier: Apache-2.0
#include "autotune/run_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace convwright {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kMostComplaint = 1 << 16, kMostOutput = 1 << 24;
constexpr int kPollMilliseconds = 5;

/// Whether the child has ended; it stays to be waited for.
bool has_ended(pid_t child) {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child;
}

class Pipe {
public:
    /// As sockets, whose send() can do without SIGPIPE when nobody reads, or as a plain pipe.
    explicit Pipe(bool sockets = false) {
        const int failed = sockets ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_)
                                   : pipe2(ends_, O_CLOEXEC);
        if (failed != 0) ends_[0] = ends_[1] = -1;
    }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    Pipe(const Pipe &) = delete;
    int read_end() const { return ends_[0]; }
    int write_end() const { return ends_[1]; }
    void close_end(int i) {
        if (ends_[i] >= 0) close(ends_[i]);
        ends_[i] = -1;
    }

private:
    int ends_[2];
};

void limit(int what, int64_t amount) {
    if (amount <= 0) return;
    const rlimit both{static_cast<rlim_t>(amount), static_cast<rlim_t>(amount)};
    setrlimit(what, &both);
}

/// Between fork and exec: async-signal-safe functions only.
[[noreturn]] void become(char *const *argv, const ProcessLimits &limits, pid_t parent, int in,
                         int out, int err, int failure) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);  // it died before prctl()
    limit(RLIMIT_AS, limits.memory_bytes);
    if (limits.cpu_seconds > 0) {
        // SIGXCPU first, so that the parent can tell; a second later SIGKILL.
        const rlimit cpu{static_cast<rlim_t>(limits.cpu_seconds),
                         static_cast<rlim_t>(limits.cpu_seconds + 1)};
        setrlimit(RLIMIT_CPU, &cpu);
    }
    limit(RLIMIT_CORE, 0);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    execvp(argv[0], argv);
    const int error = errno;
    [[maybe_unused]] const auto written = write(failure, &error, sizeof error);
    _exit(127);
}

/// Appends what can be read; false at the end.
bool drain(int fd, std::string &to) {
    std::array<char, 4096> buffer;
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count > 0 && to.size() < kMostOutput) to.append(buffer.data(), static_cast<size_t>(count));
    return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

std::string ProcessResult::what_happened() const {
    switch (end) {
        case End::kExited:
            return "ended with status " + std::to_string(status);
        case End::kSignalled:
            return "was killed by signal " + std::to_string(status) + " (" + strsignal(status) +
                   ")";
        case End::kWallTimeout:
            return "did not end within its wall time";
        case End::kCpuTimeout:
            return "used up its processor time";
        default:
            return std::string("could not be started: ") + std::strerror(status);
    }
}

void require_started(const ProcessResult &result, const std::string &purpose) {
    if (result.end != ProcessResult::End::kNotStarted) return;
    throw std::runtime_error("A process for " + purpose + " " + result.what_happened() +
                             "; what was measured is kept, and the same command goes on from "
                             "there.");
}

ProcessResult run_process(const std::vector<std::string> &command, const ProcessLimits &limits,
                          const std::string &input) {
    ProcessResult result;
    std::vector<char *> argv;
    for (const std::string &word : command) argv.push_back(const_cast<char *>(word.c_str()));
    argv.push_back(nullptr);
    Pipe in(true), out, err, failure;
    for (const Pipe *pipe : {&in, &out, &err, &failure}) {
        if (pipe->read_end() < 0) {
            result.status = errno;
            return result;
        }
    }
    const pid_t parent = getpid();
    const auto start = Clock::now();
    const pid_t child = fork();
    if (child < 0) {
        result.status = errno;
        return result;
    }
    if (child == 0)
        become(argv.data(), limits, parent, in.read_end(), out.write_end(), err.write_end(),
               failure.write_end());
    setpgid(child, child);  // whoever comes first
    in.close_end(0);
    for (Pipe *pipe : {&out, &err, &failure}) pipe->close_end(1);

    // Kernels before 5.3 have none: the child is looked at every few milliseconds.
    const int ended = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    const auto elapsed = [&] {
        return std::chrono::duration<double>(Clock::now() - start).count();
    };
    size_t sent = 0;
    bool reading_out = true, reading_err = true, running = true, timed_out = false;
    while (running) {
        const bool sending = sent < input.size();
        if (!sending) in.close_end(1);
        pollfd fds[4] = {{ended, POLLIN, 0},
                         {reading_out ? out.read_end() : -1, POLLIN, 0},
                         {reading_err ? err.read_end() : -1, POLLIN, 0},
                         {sending ? in.write_end() : -1, POLLOUT, 0}};
        int wait = ended >= 0 ? -1 : kPollMilliseconds;
        if (limits.wall_seconds > 0) {
            const double left = limits.wall_seconds - elapsed();
            if (left <= 0) {
                timed_out = true;
                break;
            }
            const int milliseconds = static_cast<int>(std::min(left * 1000 + 1, 1e9));
            wait = ended >= 0 ? milliseconds : std::min(milliseconds, kPollMilliseconds);
        }
        poll(fds, 4, wait);
        if (fds[1].revents != 0) reading_out = drain(out.read_end(), result.output);
        if (fds[2].revents != 0) reading_err = drain(err.read_end(), result.complaint);
        if (result.complaint.size() > 2 * kMostComplaint)
            result.complaint.erase(0, result.complaint.size() - kMostComplaint);
        if (fds[3].revents != 0) {
            const ssize_t count = send(in.write_end(), input.data() + sent, input.size() - sent,
                                       MSG_NOSIGNAL | MSG_DONTWAIT);
            if (count > 0) sent += static_cast<size_t>(count);
            if (count < 0 && errno != EAGAIN && errno != EINTR) sent = input.size();
        }
        running = ended >= 0 ? fds[0].revents == 0 : !has_ended(child);
    }
    // Its children, too. The group's number is not free before the child is waited for.
    kill(-child, SIGKILL);
    int status = 0;
    rusage usage = {};
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    if (ended >= 0) close(ended);
    // What was in the pipes when it ended. Nobody writes any more: the group is dead.
    for (const auto &[pipe, text] : {std::pair{&out, &result.output}, {&err, &result.complaint}}) {
        fcntl(pipe->read_end(), F_SETFL, O_NONBLOCK);
        const size_t most = text->size() + (1 << 20);
        size_t before_read = text->size() - 1;
        while (text->size() != before_read && text->size() < most) {
            before_read = text->size();
            drain(pipe->read_end(), *text);
        }
    }
    if (result.complaint.size() > kMostComplaint)
        result.complaint.erase(0, result.complaint.size() - kMostComplaint);

    result.wall_seconds = elapsed();
    const auto seconds = [](const timeval &t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    result.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    result.peak_bytes = int64_t{usage.ru_maxrss} * 1024;
    int exec_error = 0;
    if (read(failure.read_end(), &exec_error, sizeof exec_error) == sizeof exec_error) {
        result.status = exec_error;
    } else if (timed_out) {
        result.end = ProcessResult::End::kWallTimeout;
    } else if (WIFEXITED(status)) {
        result.end = ProcessResult::End::kExited;
        result.status = WEXITSTATUS(status);
    } else {
        result.status = WTERMSIG(status);
        result.end = result.status == SIGXCPU ? ProcessResult::End::kCpuTimeout
                                              : ProcessResult::End::kSignalled;
    }
    return result;
}

}  // namespace convwright
