// SPDX-License-Identifier: Apache-2.0
#include "runtime/approx_conv.h"

#include <algorithm>

#include "runtime/packing.h"
#include "runtime/wgrad_pass.h"

namespace convwright {
namespace {

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
