// SPDX-License-Identifier: Apache-2.0
#include "torch_ops/csrc/chain.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "runtime/packing.h"
#include "torch_ops/csrc/conv2d.h"
#include "torch_ops/csrc/cpu_engine.h"
#include "torch_ops/csrc/operands.h"
#include "torch_ops/csrc/traced.h"
#include "torch_ops/csrc/weighted_sum.h"

namespace convwright {
namespace {

// What a block reads and writes, of a level-3 cache: on Zen 3 (32 MB of it, 512 KB of L2) steps of 16 to 128 channels
// took 0.82 to 1.0 times as long as by blocks of 1 MB; blocks of 256 and 512 KB gained nothing.
constexpr int64_t kBlockBytes = int64_t{4} << 20;
// Every block packs the weights, and adds its part to their gradients, which takes as long as the multiply-adds
// of about 100 pixels: 128 channels by blocks of one 16x16 image took 1.3 times as long as without blocks.
constexpr int64_t kBlockPixels = 1024;

struct Geometry {
    IntList stride, padding, dilation;
    int64_t groups;

    explicit Geometry(const IntList &numbers) {
        if (numbers.size() != 7) {
            throw std::runtime_error(
                "convwright: a geometry has " + std::to_string(numbers.size()) +
                " numbers; give stride, padding and dilation, two each, and groups.");
        }
        const auto at = numbers.begin();
        stride = {at[0], at[1]}, padding = {at[2], at[3]}, dilation = {at[4], at[5]};
        groups = at[6];
    }
    ConvArguments arguments() const { return {stride, padding, dilation, groups}; }
};

/// Whether the two are a pointwise convolution and a depthwise one of its result.
bool is_weighted_sum(const Tensor &first, const Tensor &second, const Geometry &a,
                     const Geometry &b) {
    const IntList one{1, 1}, zero{0, 0};
    return first.dim() == 4 && first.size(2) == 1 && first.size(3) == 1 && a.stride == one &&
           a.padding == zero && a.dilation == one && a.groups == 1 && second.dim() == 4 &&
           second.size(0) == b.groups && second.size(1) == 1 && b.groups == first.size(0);
}

ConvProblem with_direction(ConvProblem p, Direction direction) {
    p.direction = direction;
    if (direction != Direction::kFprop) p.bias = false;
    return p;
}

/// Whether there are kernels for the problem of tensors of its dtype. Tuning may have chosen PyTorch for one that
/// stands alone: in a chain its operands are in a cache, which was worth more (a step of 16 to 32 channels with
/// stride 2 took 1.14 times as long one by one).
bool has_kernels(const ConvProblem &p) {
    return why_impossible(p) == nullptr && p.oh() > 0 && p.ow() > 0 &&
           CpuEngine::why_no_kernels(p) == nullptr;
}

bool on_cpu_in_float(const Tensor &a, const Tensor &b, const Tensor &c) {
    for (const Tensor *t : {&a, &b, &c}) {
        if (t->is_cuda() || t->scalar_type() != ScalarType::Float) return false;
    }
    return true;
}

int64_t floats_of_image(const ConvProblem &p) {
    return p.ci * p.ih * p.iw + p.co * p.oh() * p.ow();
}

/// Images of a block: as many as fit, or all where these are few pixels of z.
int64_t images_of_block(int64_t image_floats, const ConvProblem &p) {
    const int64_t fitting = kBlockBytes / (image_floats * static_cast<int64_t>(sizeof(float)));
    if (fitting * p.oh() * p.ow() < kBlockPixels) return p.n;
    return std::min<int64_t>(fitting, p.n);
}

/// The images of the activation from `first` on.
Activation images_from(const Activation &all, int64_t first) {
    Activation part = all;
    part.data = advanced(all.data, first * all.n, DType::kF32);
    return part;
}

/// One step in blocks, by the kernels that compute the whole problem.
class Step {
public:
    Step(const ConvProblem &p, bool dense)
        : problem_(p), dense_(dense), whole_(conv_plan(p, dense)) {}

    /// False where the kernels do not take a block of so many images.
    bool takes(int64_t images) {
        problem_.n = images;
        plan_ = plan_of_part(whole_, problem_, dense_);
        return !plan_.steps.empty();
    }
    void run(CallContext &context, const Activation &from, const Weight &weight, const void *bias,
             const Activation &to) const {
        Workspace workspace(plan_.workspace);
        const bool success =
            run_conv(context, plan_, DType::kF32, from, weight, bias, to, workspace.data());
        require_success(success, context, format_problem(problem_), plan_.kernels());
    }
    const ConvPlan &whole() const { return whole_; }

private:
    ConvProblem problem_;  ///< Of a block.
    bool dense_;
    const ConvPlan whole_;
    ConvPlan plan_;
};

/// The gradient of a weight, a part for each block; the parts are added in their order.
class WeightStep {
public:
    WeightStep(const ConvProblem &p, const Tensor &weight, bool dense, int64_t blocks)
        : problem_(p),
          dense_(dense),
          whole_(wgrad_plan(with_rows(p))),
          result_(empty_like_weight(weight, DType::kF32)),
          view_(weight_view(result_)),
          floats_(weight.numel()),
          parts_(blocks > 1 ? blocks * floats_ : 0) {}

    bool takes(int64_t images) {
        problem_.n = images;
        visited_ = with_rows(problem_);
        if (whole_.kernel != nullptr) plan_ = wgrad_plan_of_part(*whole_.kernel, visited_, dense_);
        return whole_.kernel != nullptr && plan_.kernel != nullptr;
    }
    void run(CallContext &context, Activation gradient, Activation input, int64_t block) {
        if (dense_) gradient.h = gradient.w * visited_.ow(), input.h = input.w * visited_.iw;
        Weight to = view_;
        if (parts_.size() > 0) to.data = parts_.data() + block * floats_;
        Workspace workspace(plan_.workspace);
        const bool success =
            run_wgrad(context, plan_, visited_, gradient, input, to, workspace.data());
        require_success(success, context, format_problem(problem_), plan_.kernels());
    }
    const Tensor &sum() {
        auto *result = static_cast<float *>(result_.mutable_data_ptr());
        if (parts_.empty()) return result_;
        std::copy_n(parts_.data(), floats_, result);
        for (size_t part = floats_; part < parts_.size(); part += floats_) {
            for (int64_t i = 0; i < floats_; i++) result[i] += parts_[part + i];
        }
        return result_;
    }
    const WgradPlan &whole() const { return whole_; }

private:
    ConvProblem with_rows(const ConvProblem &p) const { return dense_ ? with_long_rows(p) : p; }

    ConvProblem problem_, visited_;  ///< Of a block.
    bool dense_;
    const WgradPlan whole_;
    WgradPlan plan_;
    Tensor result_;
    Weight view_;
    int64_t floats_;
    std::vector<float> parts_;  ///< With the strides of the result, which has no gaps.
};

}  // namespace

std::tuple<Tensor, Tensor> chain_fprop(const Tensor &input, const Tensor &first,
                                       const Tensor &second, const std::optional<Tensor> &bias,
                                       const IntList &first_geometry,
                                       const IntList &second_geometry) {
    const Geometry a(first_geometry), b(second_geometry);
    const auto one_by_one = [&] {
        Tensor z =
            conv2d_fprop(input, first, std::nullopt, a.stride, a.padding, a.dilation, a.groups);
        Tensor output = conv2d_fprop(z, second, bias, b.stride, b.padding, b.dilation, b.groups);
        return std::make_tuple(std::move(output), std::move(z));
    };
    if (!on_cpu_in_float(input, first, second) ||
        (bias && (bias->is_cuda() || bias->scalar_type() != ScalarType::Float)))
        return one_by_one();
    ConvProblem p = check_conv2d(input, first, std::nullopt, a.arguments());
    complete(p, Direction::kFprop, input, first);
    if (!has_kernels(p)) return one_by_one();
    const Quad z_sizes{p.n, p.co, p.oh(), p.ow()}, z_strides = dense_strides(z_sizes, p.format);
    Tensor z = empty_strided(z_sizes, z_strides);
    ConvProblem q = check_conv2d(z, second, bias, b.arguments());
    complete(q, Direction::kFprop, z, second);
    q.bias = bias.has_value();
    if (!has_kernels(q)) return one_by_one();

    const Quad sizes{q.n, q.co, q.oh(), q.ow()}, strides = dense_strides(sizes, q.format);
    Tensor output = empty_strided(sizes, strides);
    const Operand from = operand(input, p.format), middle = operand(z, q.format);
    if (middle.copy) return one_by_one();
    Step step_p(p, from.dense), step_q(q, middle.dense);
    const int64_t block = images_of_block(floats_of_image(p) + q.co * q.oh() * q.ow(), p);
    const Activation z_view{z.mutable_data_ptr(), z_strides[0], z_strides[1], z_strides[2],
                            z_strides[3]};
    const Activation to{output.mutable_data_ptr(), strides[0], strides[1], strides[2], strides[3]};
    const int64_t rest = p.n % block;
    const auto take = [&](int64_t images) { return step_p.takes(images) && step_q.takes(images); };
    if ((rest != 0 && !take(rest)) || !take(block)) return one_by_one();
    const CpuEngine engine(input);
    trace_kernel(p, engine, step_p.whole());
    trace_kernel(q, engine, step_q.whole());
    const WeightOperand w = weight_operand(first), v = weight_operand(second);
    const BiasOperand added = bias_operand(bias);
    CallContext context;
    for (int64_t n = 0; n < p.n; n += block) {
        if (p.n - n < block) take(rest);
        step_p.run(context, images_from(from.view, n), w.view, nullptr, images_from(z_view, n));
        step_q.run(context, images_from(middle.view, n), v.view, added.data, images_from(to, n));
    }
    return {std::move(output), std::move(z)};
}

std::tuple<Tensor, Tensor, Tensor> chain_backward(const Tensor &grad_output, const Tensor &input,
                                                  const Tensor &z, const Tensor &first,
                                                  const Tensor &second,
                                                  const IntList &first_geometry,
                                                  const IntList &second_geometry) {
    const Geometry a(first_geometry), b(second_geometry);
    const auto of_activations = [&] {
        if (is_weighted_sum(first, second, a, b)) {
            return weighted_sum_dgrad(grad_output, input, z, first, second, b.stride, b.padding,
                                      b.dilation, /*grad_z=*/true);
        }
        Tensor grad_z =
            conv2d_dgrad(grad_output, z, second, b.stride, b.padding, b.dilation, b.groups);
        Tensor grad_input =
            conv2d_dgrad(grad_z, input, first, a.stride, a.padding, a.dilation, a.groups);
        return std::make_tuple(std::move(grad_input), std::move(grad_z));
    };
    const auto one_by_one = [&] {
        auto [grad_input, grad_z] = of_activations();
        return std::make_tuple(
            std::move(grad_input),
            conv2d_wgrad(grad_z, input, first, a.stride, a.padding, a.dilation, a.groups),
            conv2d_wgrad(grad_output, z, second, b.stride, b.padding, b.dilation, b.groups));
    };
    if (!on_cpu_in_float(grad_output, first, second) || !on_cpu_in_float(input, z, z))
        return one_by_one();
    const char *name = "convwright::chain_backward";
    ConvProblem q = check_conv2d_backward(name, grad_output, z, second, b.arguments());
    complete(q, Direction::kDgrad, z, second);
    ConvProblem p = check_conv2d_backward(name, z, input, first, a.arguments());
    complete(p, Direction::kDgrad, input, first);
    const ConvProblem p_weight = with_direction(p, Direction::kWgrad),
                      q_weight = with_direction(q, Direction::kWgrad);
    if (!has_kernels(p) || !has_kernels(q) || !has_kernels(p_weight) || !has_kernels(q_weight))
        return one_by_one();
    const Operand in = operand(input, p.format), middle = operand(z, q.format),
                  grad = operand(grad_output, q.format);
    const int64_t block = images_of_block(
        floats_of_image(p) + 2 * p.co * p.oh() * p.ow() + q.co * q.oh() * q.ow(), p);
    const int64_t blocks = (p.n + block - 1) / block;
    // The gradient of z, of a block, in the format that both of its readers want.
    const Quad z_sizes{block, p.co, p.oh(), p.ow()}, z_strides = dense_strides(z_sizes, q.format);
    const Tensor grad_z = empty_strided(z_sizes, z_strides);
    const Operand grad_middle = operand(grad_z, p.format);
    if (grad_middle.copy) return one_by_one();
    const Quad sizes{p.n, p.ci, p.ih, p.iw}, strides = dense_strides(sizes, p.format);
    Tensor grad_input = empty_strided(sizes, strides);
    const Activation to{grad_input.mutable_data_ptr(), strides[0], strides[1], strides[2],
                        strides[3]};
    const Activation z_view{grad_z.mutable_data_ptr(), z_strides[0], z_strides[1], z_strides[2],
                            z_strides[3]};

    Step dgrad_q(q, grad.dense), dgrad_p(p, grad_middle.dense);
    WeightStep wgrad_q(q_weight, second, grad.dense && middle.dense, blocks),
        wgrad_p(p_weight, first, grad_middle.dense && in.dense, blocks);
    const auto take = [&](int64_t images) {
        return dgrad_q.takes(images) && dgrad_p.takes(images) && wgrad_q.takes(images) &&
               wgrad_p.takes(images);
    };
    const int64_t rest = p.n % block;
    if ((rest != 0 && !take(rest)) || !take(block)) return one_by_one();
    const CpuEngine engine(input);
    trace_kernel(q, engine, dgrad_q.whole());
    trace_kernel(p, engine, dgrad_p.whole());
    trace_kernel(p_weight, engine, wgrad_p.whole());
    trace_kernel(q_weight, engine, wgrad_q.whole());
    const WeightOperand w = weight_operand(first), v = weight_operand(second);
    CallContext context;
    for (int64_t n = 0, number = 0; n < p.n; n += block, number++) {
        if (p.n - n < block) take(rest);
        const Activation from = images_from(grad.view, n);
        dgrad_q.run(context, from, v.view, nullptr, z_view);
        wgrad_q.run(context, from, images_from(middle.view, n), number);
        dgrad_p.run(context, grad_middle.view, w.view, nullptr, images_from(to, n));
        wgrad_p.run(context, grad_middle.view, images_from(in.view, n), number);
    }
    return {std::move(grad_input), wgrad_p.sum(), wgrad_q.sum()};
}

}  // namespace convwright
