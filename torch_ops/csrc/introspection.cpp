// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/introspection.h"

#include <stdexcept>

#include "runtime/plan.h"
#include "runtime/trace.h"

namespace convwright {

std::string list_kernels(const std::string &problem) {
    std::string text;
    for (const KernelInfo &kernel : accepting_kernels(parse_problem(problem))) {
        text += (text.empty() ? "" : "\n") + kernel.name + "\t" + kernel.schedule + "\t" +
                isa_name(kernel.isa);
    }
    return text;
}

void force_kernel_op(const std::string &name) {
    if (force_kernel(name)) return;
    throw std::runtime_error("convwright: no kernel is named '" + name +
                             "'; `convwright check PROBLEM` prints the names.");
}

std::vector<int64_t> parse_problem_op(const std::string &text) {
    const ConvProblem p = parse_problem(text);
    return {static_cast<int64_t>(p.direction),
            p.n,
            p.ci,
            p.ih,
            p.iw,
            p.co,
            p.kh,
            p.kw,
            p.stride_h,
            p.stride_w,
            p.pad_h,
            p.pad_w,
            p.dilation_h,
            p.dilation_w,
            p.groups,
            static_cast<int64_t>(p.format),
            p.bias,
            static_cast<int64_t>(p.dtype),
            p.relu};
}

void trace_op(bool on) { on ? Trace::start() : Trace::stop(); }
void trace_note(const std::string &line) { Trace::add(line); }
std::string take_trace() { return Trace::take(); }
std::string isa_op() { return isa_name(host_isa()); }

}  // namespace convwright
