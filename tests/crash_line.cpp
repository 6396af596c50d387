// SPDX-License-Identifier: Apache-2.0
#include "tests/crash_line.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

// In programs that are built with a sanitizer.
extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));

namespace convwright {
namespace {

// A signal handler may not touch the heap, so the line waits here.
std::array<char, 512> crash_line;
size_t crash_size = 0;

void print_line() {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, crash_line.data(), crash_size);
    crash_size = 0;
}

void print_and_die(int signal) {
    print_line();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

}  // namespace

void print_on_crash(const std::string &line) {
    const std::string text = line.empty() ? "" : "\n" + line.substr(0, 500) + "\n";
    crash_size = text.size();
    std::copy(text.begin(), text.end(), crash_line.begin());
    const auto handler = line.empty() ? SIG_DFL : print_and_die;
    std::signal(SIGABRT, handler);
    if (__sanitizer_set_death_callback != nullptr) {
        __sanitizer_set_death_callback(print_line);  // it has a report of its own for the others
    } else {
        for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, handler);
    }
}

}  // namespace convwright
