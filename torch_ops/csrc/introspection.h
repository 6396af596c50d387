// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace convwright {

/// Operators that convwright.explain and `convwright check` are made of; texts as in ops.cpp.

/// "name\tschedule\tisa" per accepting kernel, the dispatcher's choice first.
std::string list_kernels(const std::string &problem);
void force_kernel_op(const std::string &name);
std::vector<int64_t> parse_problem_op(const std::string &problem);
void trace_op(bool on);
void trace_note(const std::string &line);
std::string take_trace();
std::string isa_op();

}  // namespace convwright
