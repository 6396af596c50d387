// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <string>

namespace convwright {

/// Record of what ran, for convwright.explain: one line per event, process-wide, in order.
/// All functions are thread-safe; with the trace off a call costs one relaxed load.
class Trace {
public:
    static bool on() { return on_.load(std::memory_order_relaxed); }
    static void start();  ///< Clears and records from now on.
    static void stop();
    static void add(const std::string &line);  ///< Without effect while off.
    static std::string take();                 ///< Lines joined by '\n'; clears.

private:
    static inline std::atomic<bool> on_{false};
};

}  // namespace convwright
