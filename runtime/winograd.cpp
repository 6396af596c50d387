// SPDX-License-Identifier: Apache-2.0
#include "runtime/winograd.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace convwright {
namespace {

bool read_variable() {
    const char *text = std::getenv("CONVWRIGHT_WINOGRAD");
    const std::string value = text == nullptr || *text == '\0' ? "on" : text;
    if (value != "on" && value != "off") {
        throw std::runtime_error("CONVWRIGHT_WINOGRAD is '" + value +
                                 "'; accepted are on and off.");
    }
    return value == "on";
}

std::atomic<bool> &setting() {
    static std::atomic<bool> allowed{read_variable()};
    return allowed;
}

thread_local int without_winograd = 0;

}  // namespace

bool winograd_allowed() {
    return without_winograd == 0 && setting().load(std::memory_order_relaxed);
}

bool allow_winograd(bool allowed) { return setting().exchange(allowed); }

WithoutWinograd::WithoutWinograd() { without_winograd++; }
WithoutWinograd::~WithoutWinograd() { without_winograd--; }

}  // namespace convwright
