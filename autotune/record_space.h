// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "autotune/replay.h"

namespace convwright {

/// Evaluates every legal candidate of the space, PyTorch excepted, and writes a line of the recording `path` for each;
/// a file that holds some of them already is gone on with. At most `most` candidates now; 0: all.
/// Throws std::invalid_argument if the file is a recording of something else, std::runtime_error if it cannot be
/// written.
void record_space(const Space &space, const Environment &environment, Evaluator &evaluator,
                  const std::string &path, int64_t most,
                  const std::function<void(const std::string &line)> &tell);

}  // namespace convwright
