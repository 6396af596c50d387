// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace convwright {

/// Operators that convwright.explain and `convwright check` are made of; texts as in ops.cpp.

/// "name\tschedule\tisa" per accepting kernel, the dispatcher's choice first.
std::string list_kernels(const std::string &problem);
/// The same of the CUDA device of that index, with its architecture, "sm_90", for the isa.
std::string list_cuda_kernels(const std::string &problem, int64_t device);
/// The names of the fused kernels for GPUs that take two convolutions in a row, a line each, on any GPU; there need
/// be none.
std::string list_fused_cuda_kernels(const std::string &problem);
/// A line per kernel of the library: "device\toperator\tname\tschedule\ttarget\tformat\tdtype\tproblem".
/// What a kernel is not made for one of is "any"; problem is "" for generic kernels.
std::string list_library_kernels();
/// A kernel of the CPU or of CUDA; calls on the other one are as before. "" frees both.
void force_kernel_op(const std::string &name);
/// Takes a candidate of the tuner for pass `phase` of a problem in this process (runtime/tuned_choices.h).
void choose_op(const std::string &problem, int64_t phase, const std::string &candidate,
               const std::string &artifact);
void reload_choices_op();
void use_choices_op(bool use);
/// Returns what held before.
bool allow_winograd_op(bool allowed);
/// How tuning has two convolutions in a row computed (plain_kinds(), kFusedKind) and who named it, such as
/// "fused (shipped)"; "" where nothing was chosen. `gpu`: the number of the one that computes them; -1: the CPU.
std::string tuned_kind(const std::string &problem, int64_t gpu);
/// "key\tvalue" lines: mode, file, kernels, and a notice for each thing that is wrong.
std::string tuned_status();
std::vector<int64_t> parse_problem_op(const std::string &problem);
void trace_op(bool on);
void trace_note(const std::string &line);
std::string take_trace();
std::string isa_op();

}  // namespace convwright
