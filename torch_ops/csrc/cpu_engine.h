// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/conv2d.h"
#include "runtime/isa_setting.h"
#include "runtime/tile_reach.h"
#include "torch_ops/csrc/operands.h"

namespace convwright {

/// What one operator call needs of the CPU: plans, a workspace and the kernels. `CudaEngine` has the
/// same members, so that an operator is written once.
class CpuEngine {
public:
    static constexpr const char *kDtypes = "kernels exist for float32 and bfloat16";

    explicit CpuEngine(const Tensor &) {}

    /// Null if there are kernels for a possible problem, else why not.
    static const char *why_no_kernels(const ConvProblem &p) {
        if (p.dtype == DType::kF16) return kDtypes;
        if (p.dtype == DType::kBf16 && p.groups == 1) return "dense bfloat16 has no kernels";
        if (host_isa_as_set() == Isa::kNone) return "kernels exist for AVX2 with FMA and AVX-512";
        if (const char *why = why_too_large(p)) return why;
        return why_tiles_reach_too_far(p);
    }
    /// Null if our kernels compute the problem, else why not.
    static const char *why_not(const ConvProblem &p) {
        if (const char *why = why_no_kernels(p)) return why;
        return pytorch_was_chosen(p) ? kFasterWhenTuned : nullptr;
    }
    static const char *why_not(const ConvProblem &p, const Tensor &) { return why_not(p); }
    static Reach reach(DType) { return Reach::kElements32; }
    const ConvPlan &plan(const ConvProblem &p, const Operand &from, const Activation &) {
        return conv_plan(p, from.dense);
    }
    const WgradPlan &wgrad_plan(const ConvProblem &p, const Operand &grad_output,
                                const Operand &input) {
        return convwright::wgrad_plan(p, grad_output.dense && input.dense);
    }
    /// The problem whose pixels wgrad visits: rows without gaps between them are one long row.
    static ConvProblem wgrad_problem(const ConvProblem &p, Operand &grad_output, Operand &input) {
        if (!grad_output.dense || !input.dense) return p;
        const ConvProblem visited = with_long_rows(p);
        grad_output.view.h = grad_output.view.w * visited.ow();
        input.view.h = input.view.w * visited.iw;
        return visited;
    }
    /// Of the instructions, as the user sees it.
    template<typename Plan>
    static std::string name(const Plan &plan) {
        return isa_name(plan.isa());
    }

    bool run(const ConvPlan &plan, DType dtype, const Activation &input, const Weight &weight,
             const void *bias, const Activation &output) {
        Workspace workspace(plan.workspace);
        return run_conv(context_, plan, dtype, input, weight, bias, output, workspace.data());
    }
    bool run_wgrad(const WgradPlan &plan, const ConvProblem &p, const Activation &grad_output,
                   const Activation &input, const Weight &grad_weight) {
        Workspace workspace(plan.workspace);
        return convwright::run_wgrad(context_, plan, p, grad_output, input, grad_weight,
                                     workspace.data());
    }
    const CallContext &context() const { return context_; }

private:
    CallContext context_;
};

}  // namespace convwright
