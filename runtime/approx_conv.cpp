// SPDX-License-Identifier: Apache-2.0
#include "runtime/approx_conv.h"

#include <algorithm>
#include <limits>

#include "runtime/packing.h"
#include "runtime/wgrad_pass.h"

namespace convwright {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Cycles of the sums, up to a factor that all kernels of a product share: whole register tiles, and
/// what a tap and a tile cost beside them.
double relative_cycles(const ProductKernel &kernel, const ConvPass &pass) {
    const int panel = kernel.params.panel(vector_lanes(kernel.isa));
    const double tiles = static_cast<double>(ceil_div(pass.co, panel)) *
                         static_cast<double>(ceil_div(pass.x.out, kernel.params.tile));
    const double step = std::max(2.0 * kernel.params.vec * kernel.params.tile, 10.0);
    return tiles * (pass.taps() * (pass.ci * step + 12.0) + 20.0);
}

ApproxStep best_step(const ConvPass &pass, const std::string &product) {
    ApproxStep best{pass, nullptr, {}, 0};
    double best_cycles = std::numeric_limits<double>::infinity();
    for (const ProductKernel &kernel : product_kernels()) {
        if (kernel.product != product || kernel.isa > host_isa()) continue;
        // Twice the lanes in about the time.
        const double cycles =
            relative_cycles(kernel, pass) * (kernel.isa == Isa::kAvx512 ? 1.0 : 1.01);
        if (cycles < best_cycles) best_cycles = cycles, best.kernel = &kernel;
    }
    if (best.kernel != nullptr) {
        best.task = task_size(best.kernel->params, pass, best.kernel->isa);
    }
    return best;
}

/// Packed weights and their words, and the bias.
int64_t packed_floats(const ApproxStep &step, const ProductForm &form, int channels) {
    ConvPass pass = step.pass;
    pass.co = channels;
    const Panels panels(step.kernel->params, step.kernel->isa, pass);
    return panels.weight_floats() * (1 + form.weight_words) + panels.bias_floats();
}

/// Few enough channels at a time that packing them takes at most `limit` floats; a panel at least, and
/// all where there are several groups, whose weights are small.
int channels_at_a_time(const ApproxStep &step, const ProductForm &form, int64_t limit) {
    const int panel = step.kernel->params.panel(vector_lanes(step.kernel->isa));
    int panels = static_cast<int>(ceil_div(step.pass.co, panel));
    if (step.pass.groups > 1) return step.pass.co;
    while (panels > 1 && packed_floats(step, form, panels * panel) > limit)
        panels = (panels + 1) / 2;
    return std::min(panels * panel, step.pass.co);
}

/// Panels with the words of a weight behind each other: (co % panel, word, ci, kx, ky, ...).
BufferView<7> words_buffer(const Panels &panels, const float *words, int count) {
    const int64_t row = panels.panel * count, tap = row * panels.ci;
    const int64_t whole = tap * panels.kx * panels.ky;
    return {words,
            {{{panels.panel, 1},
              {count, panels.panel},
              {panels.ci, row},
              {panels.kx, tap},
              {panels.ky, tap * panels.kx},
              {panels.panels, whole},
              {panels.groups, whole * panels.panels}}}};
}

bool run_channels(CallContext &context, const ApproxStep &step, const ConvPass &pass,
                  const ProductForm &form, const PassView &input, const Weight &weight,
                  const void *bias, const PassView &output, float *workspace) {
    const ProductKernel &kernel = *step.kernel;
    const Panels panels(kernel.params, kernel.isa, pass);
    float *packed = workspace, *words = packed + panels.weight_floats();
    float *packed_bias = words + panels.weight_floats() * form.weight_words;
    if (!pack_weight(context, kernel.isa, DType::kF32, pass, weight, panels, packed)) return false;
    make_words(form, packed, panels.weight_floats() / panels.panel, panels.panel, words);
    pack_bias(bias, DType::kF32, pass, panels, packed_bias);

    BufferView<5> in = input.buffer(), out = output.buffer();
    BufferView<7> w = words_buffer(panels, words, form.weight_words);
    BufferView<3> b = panels.bias(packed_bias);
    static const int32_t kNothing = 0;
    const MantissaTable *entries = form.table;
    BufferView<1> table(entries ? entries->entries.data() : &kNothing,
                        {{{entries ? static_cast<int64_t>(entries->entries.size()) : 1, 1}}});
    table.get()->type = halide_type_t(halide_type_int, 32);
    void *user_context = &context;
    ProductArguments product = form.arguments;
    PassAxis x = pass.x, y = pass.y;
    ConvTaskSize size = step.task;
    int tiled_ow = tiled_columns(kernel.params, pass, kernel.isa);
    void *arguments[] = {&user_context,
                         in.get(),
                         w.get(),
                         b.get(),
                         table.get(),
                         &product.keep,
                         &product.set,
                         &product.correction,
                         &product.carried,
                         &x.stride,
                         &y.stride,
                         &x.pad,
                         &y.pad,
                         &x.dilation,
                         &y.dilation,
                         &size.channel_tiles,
                         &size.column_tiles,
                         &size.rows,
                         &tiled_ow,
                         out.get()};
    return kernel.call(arguments) == 0;
}

bool run_step(CallContext &context, const ApproxStep &step, const ProductForm &form,
              const PassView &input, const Weight &weight, const void *bias, const PassView &output,
              float *workspace) {
    for (int first = 0; first < step.pass.co; first += step.channels) {
        ConvPass pass = step.pass;
        pass.co = std::min(step.channels, step.pass.co - first);
        Weight part = weight;
        const int64_t channel = pass.transposed ? weight.ci : weight.co;
        part.data = advanced(weight.data, first * channel, DType::kF32);
        PassView to = output;
        to.data = advanced(output.data, first * output.channel.stride, DType::kF32);
        to.channel.extent = pass.co;
        const void *biases = bias ? advanced(bias, first, DType::kF32) : nullptr;
        if (!run_channels(context, step, pass, form, input, part, biases, to, workspace)) {
            return false;
        }
    }
    return true;
}

}  // namespace

std::string ApproxPlan::kernels() const {
    std::string names;
    for (const ApproxStep &step : steps) {
        if (step.kernel == nullptr || names.find(step.kernel->name) != std::string::npos) continue;
        names += (names.empty() ? "" : "+") + step.kernel->name;
    }
    return names.empty() ? "zeros" : names;
}

std::string ApproxPlan::schedules() const {
    std::string text;
    for (const ApproxStep &step : steps) {
        if (step.kernel == nullptr || text.find(step.kernel->schedule) != std::string::npos)
            continue;
        text += (text.empty() ? "" : "+") + step.kernel->schedule;
    }
    return text;
}

Isa ApproxPlan::isa() const {
    Isa isa = Isa::kNone;
    for (const ApproxStep &step : steps) {
        if (step.kernel != nullptr) isa = std::max(isa, step.kernel->isa);
    }
    return isa;
}

ApproxPlan approx_plan(const ConvProblem &problem, const ProductForm &form) {
    ApproxPlan plan;
    plan.form = form;
    if (const char *why = why_too_large(problem)) {
        plan.reason = why;
        return plan;
    }
    std::vector<ConvPass> passes;
    if (problem.direction == Direction::kWgrad) {
        passes = {wgrad_pass(problem)};
    } else {
        passes = conv_passes(problem);
    }
    const bool wgrad = problem.direction == Direction::kWgrad;
    const int64_t input = problem.n * problem.ci * problem.ih * problem.iw;
    const int64_t output = problem.n * problem.co * problem.oh() * problem.ow();
    const int64_t weight = problem.co * problem.ci / problem.groups * problem.kh * problem.kw;
    const int64_t read =
        wgrad ? input + output : weight + (problem.direction == Direction::kDgrad ? output : input);
    for (const ConvPass &pass : passes) {
        ApproxStep step{pass, nullptr, {}, 0};
        if (pass.taps() != 0) {
            step = best_step(pass, form.product);
            if (step.kernel == nullptr) {
                plan.steps.clear();
                plan.reason =
                    "no kernel of this library has the product " + form.product + " on this CPU";
                return plan;
            }
        }
        if (step.kernel != nullptr) {
            step.channels = channels_at_a_time(step, form, 2 * read);
            plan.workspace = std::max(plan.workspace, packed_floats(step, form, step.channels));
        }
        plan.steps.push_back(step);
    }
    return plan;
}

bool run_approx_conv(CallContext &context, const ApproxPlan &plan, const Activation &input,
                     const Weight &weight, const void *bias, const Activation &output,
                     float *workspace) {
    for (const ApproxStep &step : plan.steps) {
        const PassView to = view_output(output, step.pass, DType::kF32);
        if (step.kernel == nullptr) {
            fill_zero(to);
        } else if (!run_step(context, step, plan.form, view_input(input, step.pass, DType::kF32),
                             weight, bias, to, workspace)) {
            return false;
        }
    }
    return true;
}

bool run_approx_wgrad(CallContext &context, const ApproxPlan &plan, const Activation &grad_output,
                      const Activation &input, const Weight &grad_weight, float *workspace) {
    const ApproxStep &step = plan.steps.front();
    const ConvPass &pass = step.pass;
    const PassView from = wgrad_input(input, pass), to = wgrad_output(grad_weight, pass);
    if (step.kernel == nullptr) {
        fill_zero(to);
        return true;
    }
    return run_step(context, step, plan.form, from, wgrad_weight(grad_output), nullptr, to,
                    workspace);
}

}  // namespace convwright
