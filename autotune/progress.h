// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "autotune/tuner.h"

namespace convwright {

/// Shows what a tuner does: JSON lines on stdout, or lines for a reader on stderr and the outcome on stdout.
class Progress {
public:
    explicit Progress(bool json) : json_(json) {}

    void show(const TunerEvent &event);
    void end(size_t chosen, size_t tasks);

private:
    void show_json(const TunerEvent &event);
    void show_text(const TunerEvent &event);

    bool json_;
    int64_t tried_ = 0, known_ = 0;
    std::map<std::string, int64_t> failed_;  ///< By outcome.
};

}  // namespace convwright
