// SPDX-License-Identifier: Apache-2.0
#include "runtime/cuda/byte_conv.h"

#include "runtime/cuda/device_view.h"
#include "runtime/cuda/kernel_arguments.h"

namespace convwright::cuda {
namespace {

constexpr halide_type_t kByte{halide_type_uint, 8}, kWord{halide_type_uint, 32};
constexpr halide_type_t kInt{halide_type_int, 32}, kHalf{halide_type_uint, 16};

int to_int(int64_t value) { return static_cast<int>(value); }

/// Geometry of one step of a call: of packing where it gathers, else of multiplying.
struct Window {
    int stride_x = 1, stride_y = 1, pad_x = 0, pad_y = 0, dilation_x = 1, dilation_y = 1;
    int taps_x = 1, taps_y = 1;

    Window() = default;
    explicit Window(const ConvProblem &p)
        : stride_x(to_int(p.stride_w)),
          stride_y(to_int(p.stride_h)),
          pad_x(to_int(p.pad_w)),
          pad_y(to_int(p.pad_h)),
          dilation_x(to_int(p.dilation_w)),
          dilation_y(to_int(p.dilation_h)),
          taps_x(to_int(p.kw)),
          taps_y(to_int(p.kh)) {}

    int taps() const { return taps_x * taps_y; }
    void add_to(KernelArguments &arguments) const {
        arguments.add(stride_x, stride_y, pad_x, pad_y, dilation_x, dilation_y, taps_x, taps());
    }
};

/// Of one call.
struct Call {
    CallContext &context;
    const BytePlan &plan;
    const DeviceTable &table;
    const ByteOperands &operands;
    int32_t *pixels, *weights;  ///< Packed.

    const ConvProblem &problem() const { return plan.problem; }
    int64_t group_channels() const { return problem().ci / problem().groups; }
    int64_t term_words() const {
        return plan.kernel->params.turns(plan.shape) * plan.kernel->params.chunk;
    }
    DeviceView<2> maps(int64_t at) const {
        return {operands.table + at, {{{256, 1}, {table.terms, 256}}}, kByte};
    }
    /// What entries lack, and what those stand for that are looked up behind the last channel and tap, by
    /// bytes of 0; added to each sum. Modulo 2^32.
    int32_t constant() const {
        const int64_t products = group_channels() * problem().kh * problem().kw;
        const int64_t looked_up = 4 * term_words();
        return static_cast<int32_t>(static_cast<uint64_t>(
            products * table.least - (looked_up - products) * table.first_entry));
    }
    /// What the taps of a word's bytes are, and those between words.
    Window inner() const { return plan.gathers ? Window(problem()) : Window(); }
    Window outer() const { return plan.gathers ? Window() : Window(problem()); }
};

bool pack_pixels(const Call &call) {
    const ConvProblem &p = call.problem();
    const ByteGemmShape &shape = call.plan.shape;
    const Activation &from = call.operands.input;
    const int64_t ci = call.group_channels();
    DeviceView<5> source(
        from.data,
        {{{ci, from.c}, {p.groups, from.c * ci}, {p.iw, from.w}, {p.ih, from.h}, {p.n, from.n}}},
        kByte);
    DeviceView<2> maps = call.maps(0);
    const int64_t words = shape.words, terms = shape.terms, groups = shape.groups;
    DeviceView<4> to(call.pixels,
                     {{{words, 1},
                       {terms, words},
                       {groups, words * terms},
                       {call.plan.packed_pixels + 1, words * terms * groups}}},
                     kWord);
    const Window window = call.inner();
    const int columns = to_int(call.plan.gathers ? p.ow() : p.iw);
    const int rows = to_int(call.plan.gathers ? p.oh() : p.ih);
    KernelArguments arguments(&call.context);
    arguments.add(source.get(), maps.get(), static_cast<int>(call.operands.pad_value));
    window.add_to(arguments);
    arguments.add(columns, rows, FastDivisor(columns), FastDivisor(rows), FastDivisor(to_int(ci)),
                  FastDivisor(window.taps_x), FastDivisor(to_int(words)),
                  FastDivisor(to_int(terms)), FastDivisor(to_int(groups)), to.get());
    return arguments.call(byte_packing_kernels().pixels);
}

bool pack_weights(const Call &call) {
    const ConvProblem &p = call.problem();
    const ByteGemmShape &shape = call.plan.shape;
    const ByteGemmCudaParams &params = call.plan.kernel->params;
    const Weight &from = call.operands.weight;
    const int64_t ci = call.group_channels(), panel = params.co, panels = params.co_tiles(shape);
    DeviceView<5> weight(from.data,
                         {{{shape.co, from.co},
                           {ci, from.ci},
                           {p.kw, from.w},
                           {p.kh, from.h},
                           {p.groups, from.co * shape.co}}},
                         kByte);
    DeviceView<2> maps = call.maps(call.table.weight_maps());
    const int64_t k = call.term_words(), term = panel * k, all = term * shape.terms;
    DeviceView<5> to(
        call.weights,
        {{{panel, 1}, {k, panel}, {shape.terms, term}, {panels, all}, {p.groups, all * panels}}},
        kWord);
    const Window inner = call.inner(), outer = call.outer();
    KernelArguments arguments(&call.context);
    arguments.add(weight.get(), maps.get(), to_int(shape.words), inner.taps_x, inner.taps(),
                  outer.taps_x, outer.taps());
    arguments.add(FastDivisor(to_int(shape.words)), FastDivisor(to_int(ci)),
                  FastDivisor(inner.taps_x), FastDivisor(outer.taps_x), FastDivisor(to_int(panel)),
                  FastDivisor(to_int(k)), FastDivisor(to_int(shape.terms)),
                  FastDivisor(to_int(panels)), to.get());
    return arguments.call(byte_packing_kernels().weights);
}

bool multiply(const Call &call) {
    const ConvProblem &p = call.problem();
    const ByteGemmShape &shape = call.plan.shape;
    const ByteGemmCudaParams &params = call.plan.kernel->params;
    const int64_t words = shape.words * shape.terms, panel = params.co;
    const int64_t k = call.term_words() * shape.terms, panels = params.co_tiles(shape);
    DeviceView<3> pixels(
        call.pixels,
        {{{words, 1}, {shape.groups, words}, {call.plan.packed_pixels + 1, words * shape.groups}}},
        kWord);
    DeviceView<4> weights(
        call.weights,
        {{{panel, 1}, {k, panel}, {panels, panel * k}, {shape.groups, panel * k * panels}}}, kWord);
    const int32_t *const table = call.operands.table;
    DeviceView<1> steps(table + call.table.steps(), {{{shape.terms, 1}}}, kInt);
    const bool looks_up = call.table.product == "table16" || call.table.product == "table32";
    DeviceView<1> entries(table + (looks_up ? call.table.entries() : 0),
                          {{{looks_up ? 65536 : 1, 1}}},
                          call.table.product == "table32" ? kInt : kHalf);
    const Activation &to = call.operands.output;
    DeviceView<5> output(to.data,
                         {{{shape.co, to.c},
                           {p.groups, to.c * shape.co},
                           {p.ow(), to.w},
                           {p.oh(), to.h},
                           {p.n, to.n}}},
                         kInt);
    const Window window = call.outer();
    const int iw = to_int(call.plan.gathers ? p.ow() : p.iw);
    const int ih = to_int(call.plan.gathers ? p.oh() : p.ih);
    const int columns = to_int(p.ow()), rows = to_int(p.oh());
    const int fours = to_int(shape.words / 4), term_turns = to_int(params.turns(shape));
    KernelArguments arguments(&call.context);
    arguments.add(pixels.get(), weights.get(), steps.get(), entries.get(), call.constant(),
                  call.table.last_shift, iw, ih, to_int(call.plan.packed_pixels));
    window.add_to(arguments);
    arguments.add(fours, to_int(shape.co), columns, rows, to_int(shape.pixels), to_int(p.n),
                  term_turns);
    arguments.add(FastDivisor(columns), FastDivisor(rows), FastDivisor(window.taps_x),
                  FastDivisor(fours), FastDivisor(term_turns), FastDivisor(to_int(panels)),
                  output.get());
    return arguments.call(call.plan.kernel->call);
}

}  // namespace

bool run_byte_conv(CallContext &context, const BytePlan &plan, const DeviceTable &table,
                   const ByteOperands &operands, int32_t *workspace) {
    const Call call{context, plan, table, operands, workspace, workspace + plan.pixel_words};
    return pack_pixels(call) && pack_weights(call) && multiply(call);
}

}  // namespace convwright::cuda
