// SPDX-License-Identifier: Apache-2.0
#include "runtime/trace.h"

#include <mutex>
#include <utility>

namespace convwright {
namespace {
std::mutex mutex;
std::string lines;
}  // namespace

void Trace::start() {
    const std::lock_guard<std::mutex> lock(mutex);
    lines.clear();
    on_ = true;
}

void Trace::stop() { on_ = false; }

void Trace::add(const std::string &line) {
    if (!on()) return;
    const std::lock_guard<std::mutex> lock(mutex);
    lines += (lines.empty() ? "" : "\n") + line;
}

std::string Trace::take() {
    const std::lock_guard<std::mutex> lock(mutex);
    return std::exchange(lines, {});
}

}  // namespace convwright
