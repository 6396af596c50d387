// SPDX-License-Identifier: Apache-2.0
#include "runtime/call_context.h"

namespace convwright {

void CallContext::set_error(const char *text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (error_.empty()) error_ = text;
}

std::string CallContext::error() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return error_;
}

}  // namespace convwright
