// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "runtime/conv_problem.h"

namespace convwright {

/// While it lives, every failure of this thread's test prints how to repeat it, and so does a crash
/// on a guard page. `circumstances`: what the line alone does not say.
class Repro {
public:
    Repro(const ConvProblem &problem, const std::string &kernel,
          const std::string &circumstances = "");
    ~Repro();

private:
    testing::ScopedTrace trace_;
};

}  // namespace convwright
