// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/introspection.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/cuda/conv_plan.h"
#include "runtime/cuda/forced_kernel.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/cuda/weighted_sum.h"
#include "runtime/cuda/wgrad_plan.h"
#include "runtime/isa_setting.h"
#include "runtime/kernel_table.h"
#include "runtime/operator_problem.h"
#include "runtime/plan.h"
#include "runtime/trace.h"
#include "runtime/tuned_choices.h"
#include "runtime/winograd.h"
#include "torch_ops/csrc/cuda_engine.h"
#include "torch_ops/csrc/torch_cuda.h"

namespace convwright {
namespace {

/// As in problem strings.
const char *format_text(Format format) { return format == Format::kNhwc ? "nhwc" : "nchw"; }

}  // namespace

std::string list_kernels(const std::string &problem) {
    std::string text;
    for (const KernelInfo &kernel : accepting_kernels(parse_problem(problem))) {
        text += (text.empty() ? "" : "\n") + kernel.name + "\t" + kernel.schedule + "\t" +
                isa_name(kernel.isa);
    }
    return text;
}

std::string list_cuda_kernels(const std::string &text, int64_t index) {
    const ConvProblem p = parse_problem(text);
    const cuda::Device &device = cuda::device(static_cast<int>(index));
    std::string lines;
    const auto add = [&](const std::string &name, const std::string &schedule) {
        lines +=
            (lines.empty() ? "" : "\n") + name + "\t" + schedule + "\t" + architecture_name(device);
    };
    if (p.direction == Direction::kWgrad) {
        for (const cuda::WgradPlan &plan : cuda::wgrad_plans(p, device)) {
            add(plan.kernel->name, plan.kernel->schedule);
        }
    } else {
        for (const cuda::ConvKernel *kernel :
             cuda::accepting_kernels(p, device, {}, tf32_allowed())) {
            add(kernel->name, kernel->schedule);
        }
    }
    return lines;
}

std::string list_fused_cuda_kernels(const std::string &text) {
    const OperatorProblem problem = parse_operator_problem(text);
    std::string lines;
    if (problem.op != Operator::kWeightedSum || problem.is_fused_gradients()) return lines;
    for (const cuda::WeightedSumKernel &kernel : cuda::weighted_sum_kernels()) {
        const cuda::Device any;
        const auto plan = cuda::weighted_sum_plan_with(kernel, problem.sizes, any, {});
        if (plan.kernel != nullptr) lines += (lines.empty() ? "" : "\n") + kernel.name;
    }
    return lines;
}

std::string list_library_kernels() {
    std::string lines;
    const auto add = [&](const std::vector<std::string> &fields) {
        for (size_t i = 0; i < fields.size(); i++)
            lines += (i > 0 ? "\t" : lines.empty() ? "" : "\n") + fields[i];
    };
    const auto of_cpu = [&](const char *op, const auto &kernels) {
        for (const auto &k : kernels) {
            add({"cpu", op, k.name, k.schedule, isa_name(k.isa), format_text(k.format),
                 dtype_name(k.dtype), k.problem});
        }
    };
    // CUDA C++ is compiled for the device at hand.
    const auto of_cuda = [&](const char *op, const auto &kernels) {
        for (const auto &k : kernels) {
            add({"cuda", op, k.name, k.schedule, "any", format_text(k.format), dtype_name(k.dtype),
                 ""});
        }
    };
    of_cpu("conv2d", conv_kernels());
    of_cpu("conv2d_wgrad", wgrad_kernels());
    of_cpu("weighted_sum", weighted_sum_kernels());
    for (const ProductKernel &k : product_kernels())
        add({"cpu", "approx_conv2d " + k.product, k.name, k.schedule, isa_name(k.isa), "any", "any",
             ""});
    of_cuda("conv2d", cuda::conv_kernels());
    of_cuda("conv2d_wgrad", cuda::wgrad_kernels());
    of_cuda("weighted_sum", cuda::weighted_sum_kernels());
    of_cuda("weighted_sum_grad", cuda::weighted_sum_grad_kernels());
    const auto of_products = [&](const std::string &op, const auto &kernels) {
        for (const auto &k : kernels)
            add({"cuda", op + " " + k.product, k.name, k.schedule, "any", "any", "any", ""});
    };
    of_products("approx_conv2d", cuda::product_kernels());
    of_products("approx_int8_conv2d", cuda::byte_kernels());
    return lines;
}

void force_kernel_op(const std::string &name) {
    const auto named = [&](const auto &kernel) { return kernel.name == name; };
    const bool on_cuda =
        std::any_of(cuda::conv_kernels().begin(), cuda::conv_kernels().end(), named) ||
        std::any_of(cuda::wgrad_kernels().begin(), cuda::wgrad_kernels().end(), named);
    if (on_cuda || name.empty()) cuda::force_kernel(name);
    if (on_cuda || force_kernel(name)) return;
    throw std::runtime_error("convwright: no kernel is named '" + name +
                             "'; `convwright check PROBLEM` prints the names.");
}

void choose_op(const std::string &problem, int64_t phase, const std::string &candidate,
               const std::string &artifact) {
    choose_in_process(problem, static_cast<int>(phase), candidate, artifact);
}

void reload_choices_op() { reload_tuned_choices(); }
void use_choices_op(bool use) { use_tuned_choices(use); }
bool allow_winograd_op(bool allowed) { return allow_winograd(allowed); }

std::string tuned_kind(const std::string &text, int64_t gpu) {
    const OperatorProblem problem = parse_operator_problem(text);
    // A kernel of one convolution is no way to compute two.
    const auto named = [](const auto &tuned) {
        return !tuned || tuned->kind.empty() ? "" : tuned->kind + tuned_mark(tuned->shipped);
    };
    if (gpu < 0) return named(tuned_pass(problem, 0));
    return named(cuda::tuned_pass(problem, 0, cuda::device(static_cast<int>(gpu))));
}

std::string tuned_status() {
    const char *const modes[] = {"off", "cached", "on"};
    std::string text = std::string("mode\t") + modes[static_cast<int>(tune_mode())];
    text += "\nfile\t" + tuned_choices_path() + "\nkernels\t" + made_kernels_folder();
    for (const std::string &notice : tuned_notices()) text += "\nnotice\t" + notice;
    return text;
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
std::string isa_op() { return isa_name(host_isa_as_set()); }

}  // namespace convwright
