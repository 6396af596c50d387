// SPDX-License-Identifier: Apache-2.0
#include "convwright/conv2d.h"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <sstream>
#include <string>

#include "runtime/call_context.h"
#include "runtime/conv2d.h"
#include "runtime/isa_setting.h"
#include "runtime/tile_reach.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

using Sizes = std::array<int64_t, 4>;
constexpr int kN = 0, kC = 1, kH = 2, kW = 3;

[[noreturn]] void refuse(const std::string &text) { throw Conv2dError("convwright: " + text); }

std::string list(const Sizes &values) {
    std::ostringstream text;
    text << '[' << values[0] << ", " << values[1] << ", " << values[2] << ", " << values[3] << ']';
    return text.str();
}

/// Fields that follow from sizes. Throws for sizes that no convolution has.
ConvProblem problem_of(const Sizes &input, const Sizes &weight, const Conv2dArguments &a) {
    ConvProblem p;
    p.n = input[kN], p.ci = input[kC], p.ih = input[kH], p.iw = input[kW];
    p.co = weight[0], p.kh = weight[2], p.kw = weight[3];
    p.stride_h = a.stride[0], p.stride_w = a.stride[1];
    p.pad_h = a.padding[0], p.pad_w = a.padding[1];
    p.dilation_h = a.dilation[0], p.dilation_w = a.dilation[1];
    p.groups = a.groups;
    if (const char *why = why_impossible(p)) {
        refuse("no convolution has input " + list(input) + " and weight " + list(weight) + ": " +
               why + ".");
    }
    if (weight[1] * a.groups != p.ci) {
        refuse("weight " + list(weight) + " takes " + std::to_string(weight[1] * a.groups) +
               " channels with groups " + std::to_string(a.groups) + ", but input " + list(input) +
               " has " + std::to_string(p.ci) + ".");
    }
    return p;
}

Sizes sizes_of_output(const ConvProblem &p) { return {p.n, p.co, p.oh(), p.ow()}; }

void require_sizes(const char *name, const Sizes &given, const Sizes &expected) {
    if (given == expected) return;
    refuse(std::string(name) + " has sizes " + list(given) + ", expected " + list(expected) + ".");
}

template<typename T>
bool is_dense(const Tensor4<T> &t, int dimension) {
    return t.sizes[dimension] == 1 || t.strides[dimension] == 1;
}

/// The format that both activations have; channels where each could be either.
template<typename A, typename B>
Format format_of(const Tensor4<A> &a, const Tensor4<B> &b) {
    if (is_dense(a, kC) && is_dense(b, kC)) return Format::kNhwc;
    if (is_dense(a, kW) && is_dense(b, kW)) return Format::kNchw;
    refuse("activations have strides " + list(a.strides) + " and " + list(b.strides) +
           ", expected 1 for the channels of both or for the columns of both.");
}

/// Strides of dimensions of one element mean nothing, and are replaced by a dense tensor's.
template<typename T>
Activation activation(const Tensor4<T> &t, Format format) {
    const std::array<int, 4> order = format == Format::kNhwc ? std::array<int, 4>{kC, kW, kH, kN}
                                                             : std::array<int, 4>{kW, kH, kC, kN};
    Sizes s = t.strides;
    int64_t inner = 1;
    for (const int d : order) {
        if (t.sizes[d] == 1) s[d] = inner;
        inner = s[d] * t.sizes[d];
    }
    return {t.data, s[kN], s[kC], s[kH], s[kW]};
}

template<typename T>
Weight weight_of(const Tensor4<T> &t) {
    return {t.data, t.strides[0], t.strides[1], t.strides[2], t.strides[3]};
}

/// Whether columns, rows and for nhwc images follow each other without gaps, see conv_plan().
bool pixels_without_gaps(const Activation &a, const Sizes &sizes, Format format) {
    if (a.h != sizes[kW] * a.w) return false;
    return format == Format::kNchw || (a.w == sizes[kC] && a.n == sizes[kH] * a.h);
}

template<typename T>
void require_memory(const char *name, const Tensor4<T> &t) {
    if (t.data == nullptr) refuse(std::string(name) + " has no memory.");
    for (int d = 0; d < 4; d++) {
        if (t.strides[d] < 0 || t.sizes[d] * t.strides[d] > INT32_MAX) {
            refuse(std::string(name) + " has sizes " + list(t.sizes) + " and strides " +
                   list(t.strides) + ", kernels reach offsets from 0 to 2^31 - 1.");
        }
    }
}

void require_kernels(const ConvProblem &p) {
    try {
        tune_mode();
        if (host_isa_as_set() == Isa::kNone)
            refuse("this CPU has neither AVX2 with FMA nor AVX-512, which kernels need.");
    } catch (const Conv2dError &) {
        throw;
    } catch (const std::runtime_error &error) {  // a setting that is none
        refuse(error.what());
    }
    const char *why = why_too_large(p);
    if (why == nullptr) why = why_tiles_reach_too_far(p);
    if (why != nullptr) refuse("no kernel takes " + format_problem(p) + ": " + why + ".");
}

class Workspace {
public:
    explicit Workspace(int64_t floats)
        : data_(static_cast<float *>(
              ::operator new(sizeof(float) * std::max<int64_t>(floats, 1), kAlignment))) {}
    float *data() { return data_.get(); }

private:
    static constexpr std::align_val_t kAlignment{64};
    struct Free {
        void operator()(float *p) const { ::operator delete(p, kAlignment); }
    };
    std::unique_ptr<float, Free> data_;
};

[[noreturn]] void refuse_failure(const ConvProblem &p, const std::string &kernel,
                                 const CallContext &context) {
    refuse("kernel " + kernel + " failed on " + format_problem(p) + ": " + context.error());
}

/// fprop or dgrad: sums over `from`, writes `to`.
void run(ConvProblem p, const Tensor4<const float> &from, const Tensor4<const float> &weight,
         const float *bias, const Tensor4<float> &to) {
    require_kernels(p);
    p.format = format_of(from, to);
    p.bias = bias != nullptr;
    const Activation source = activation(from, p.format), target = activation(to, p.format);
    const bool dense = pixels_without_gaps(source, from.sizes, p.format) &&
                       pixels_without_gaps(target, to.sizes, p.format);
    const ConvPlan &plan = conv_plan(p, dense);
    if (plan.steps.empty()) refuse(plan.reason + " (" + format_problem(p) + ").");
    CallContext context;
    Workspace workspace(plan.workspace);
    if (!run_conv(context, plan, DType::kF32, source, weight_of(weight), bias, target,
                  workspace.data())) {
        refuse_failure(p, plan.kernels(), context);
    }
}

}  // namespace

Sizes conv2d_output_sizes(const Sizes &input, const Sizes &weight, const Conv2dArguments &a) {
    return sizes_of_output(problem_of(input, weight, a));
}

void conv2d_fprop(const Tensor4<const float> &input, const Tensor4<const float> &weight,
                  const float *bias, const Tensor4<float> &output, const Conv2dArguments &a) {
    const ConvProblem p = problem_of(input.sizes, weight.sizes, a);
    require_sizes("output", output.sizes, sizes_of_output(p));
    require_memory("input", input);
    require_memory("weight", weight);
    require_memory("output", output);
    run(p, input, weight, bias, output);
}

void conv2d_dgrad(const Tensor4<const float> &grad_output, const Tensor4<const float> &weight,
                  const Tensor4<float> &grad_input, const Conv2dArguments &a) {
    ConvProblem p = problem_of(grad_input.sizes, weight.sizes, a);
    require_sizes("grad_output", grad_output.sizes, sizes_of_output(p));
    require_memory("grad_output", grad_output);
    require_memory("weight", weight);
    require_memory("grad_input", grad_input);
    p.direction = Direction::kDgrad;
    run(p, grad_output, weight, nullptr, grad_input);
}

void conv2d_wgrad(const Tensor4<const float> &grad_output, const Tensor4<const float> &input,
                  const Tensor4<float> &grad_weight, const Conv2dArguments &a) {
    ConvProblem p = problem_of(input.sizes, grad_weight.sizes, a);
    require_sizes("grad_output", grad_output.sizes, sizes_of_output(p));
    require_memory("grad_output", grad_output);
    require_memory("input", input);
    require_memory("grad_weight", grad_weight);
    p.direction = Direction::kWgrad;
    require_kernels(p);
    p.format = format_of(grad_output, input);
    const Activation grad = activation(grad_output, p.format), in = activation(input, p.format);
    const WgradPlan &plan = wgrad_plan(p, pixels_without_gaps(grad, grad_output.sizes, p.format) &&
                                              pixels_without_gaps(in, input.sizes, p.format));
    if (plan.kernel == nullptr) refuse(plan.reason + " (" + format_problem(p) + ").");
    CallContext context;
    Workspace workspace(plan.workspace);
    if (!run_wgrad(context, plan, p, grad, in, weight_of(grad_weight), workspace.data())) {
        refuse_failure(p, plan.kernels(), context);
    }
}

void use_threads(void (*run)(int64_t, void (*)(void *), void *), int64_t (*max_workers)()) {
    set_parallel_run(run, max_workers);
}

}  // namespace convwright
