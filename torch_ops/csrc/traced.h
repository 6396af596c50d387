// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include "runtime/conv_problem.h"
#include "runtime/trace.h"

namespace convwright {

/// Notes which kernels compute the problem, where calls are traced.
template<typename Engine, typename Plan>
void trace_kernel(const ConvProblem &p, const Engine &engine, const Plan &plan) {
    if (!Trace::on()) return;
    Trace::add(format_problem(p) + "\t" + plan.kernels() + "\t" + plan.schedules() + "\t" +
               engine.name(plan));
}

/// Throws std::runtime_error with `reason` unless a kernel was found.
inline void require_kernel(const ConvProblem &p, bool found, const std::string &reason) {
    if (found) return;
    throw std::runtime_error("convwright: " + reason + " (" + format_problem(p) + ").");
}

}  // namespace convwright
