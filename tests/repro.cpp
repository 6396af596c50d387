// SPDX-License-Identifier: Apache-2.0
#include "tests/repro.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace convwright {
namespace {

// A signal handler may not touch the heap, so the line waits here.
std::array<char, 512> crash_line;
size_t crash_size = 0;

void print_and_die(int signal) {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, crash_line.data(), crash_size);
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

std::string repro_line(const ConvProblem &problem, const std::string &kernel,
                       const std::string &circumstances) {
    std::string line =
        "repro: python -m convwright check " + format_problem(problem) + " --kernel " + kernel;
    if (!circumstances.empty()) line += "  # " + circumstances;
    const std::string crash = "\ncrashed on a guard page; " + line + "\n";
    crash_size = std::min(crash.size(), crash_line.size());
    std::copy_n(crash.begin(), crash_size, crash_line.begin());
    std::signal(SIGSEGV, print_and_die);
    return line;
}

}  // namespace

Repro::Repro(const ConvProblem &problem, const std::string &kernel,
             const std::string &circumstances)
    : trace_(__FILE__, __LINE__, repro_line(problem, kernel, circumstances)) {}

Repro::~Repro() { std::signal(SIGSEGV, SIG_DFL); }

}  // namespace convwright
