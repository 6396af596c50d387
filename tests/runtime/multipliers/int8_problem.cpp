// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/multipliers/int8_problem.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "runtime/scratch.h"

namespace convwright {
namespace {

template<typename Element>
void scatter(const std::vector<Element> &dense, const Strides &s, int64_t n, int64_t c, int64_t h,
             int64_t w, Element *to) {
    const Element *from = dense.data();
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < c; j++)
            for (int64_t y = 0; y < h; y++)
                for (int64_t x = 0; x < w; x++) to[i * s.n + j * s.c + y * s.h + x * s.w] = *from++;
}

std::vector<uint8_t> random_bytes(int64_t count, std::mt19937 &random) {
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    for (uint8_t &byte : bytes) byte = static_cast<uint8_t>(random() >> 11);
    return bytes;
}

}  // namespace

const char *layout_name(Layout layout) {
    constexpr const char *names[] = {"nchw", "nhwc", "nchw with gaps", "nhwc with gaps"};
    return names[static_cast<int>(layout)];
}

Strides::Strides(int64_t sn, int64_t sc, int64_t sh, int64_t sw, Layout layout) {
    const bool gaps = layout == Layout::kNchwGaps || layout == Layout::kNhwcGaps;
    const int64_t g = gaps ? 1 : 0;
    if (layout == Layout::kNchw || layout == Layout::kNchwGaps) {
        w = 1 + g, h = sw * w + 3 * g, c = sh * h + 5 * g, n = sc * c + 2 * g;
    } else {
        c = 1 + g, w = sc * c + g, h = sw * w + 5 * g, n = sh * h + 3 * g;
    }
    extent = (sn - 1) * n + (sc - 1) * c + (sh - 1) * h + (sw - 1) * w + 1;
}

NamedTable::NamedTable(std::string n, Table8 t) : name(std::move(n)), table(std::move(t)) {
    prepared = std::make_shared<const Int8Table>(
        table, classify(table, int8_table_cost({true, true, true})));
}

std::vector<EngineForm> engine_forms(const NamedTable &table) {
    const Int8Cpu host = host_int8_cpu();
    std::vector<EngineForm> forms{{"scalar", Int8Engine::kScalar, {}}};
    const auto add = [&](const char *name, Int8Engine engine, Int8Cpu cpu) {
        if ((cpu.avx2 && !host.avx2) || (cpu.vnni && !host.vnni) || (cpu.vbmi && !host.vbmi))
            return;
        if (engine == Int8Engine::kLowRank && !table.prepared->terms) return;
        forms.push_back({name, engine, cpu});
    };
    add("table", Int8Engine::kTable, {true, true, true});
    add("low rank, AVX2", Int8Engine::kLowRank, {true, false, false});
    add("low rank, VNNI", Int8Engine::kLowRank, {true, true, false});
    add("low rank, VNNI and VBMI", Int8Engine::kLowRank, {true, true, true});
    return forms;
}

Int8Problem::Int8Problem(const ConvProblem &p, uint8_t pad, uint32_t seed)
    : problem(p), pad_value(pad) {
    std::mt19937 random(seed);
    input = random_bytes(p.n * p.ci * p.ih * p.iw, random);
    weight = random_bytes(p.co * (p.ci / p.groups) * p.kh * p.kw, random);
}

std::vector<int32_t> Int8Problem::definition(const Table8 &table) const {
    const ConvProblem &p = problem;
    const int64_t ci = p.ci / p.groups, co = p.co / p.groups;
    std::vector<int32_t> result;
    for (int64_t n = 0; n < p.n; n++)
        for (int64_t c = 0; c < p.co; c++)
            for (int64_t y = 0; y < p.oh(); y++)
                for (int64_t x = 0; x < p.ow(); x++) {
                    int64_t sum = 0;
                    for (int64_t i = 0; i < ci; i++)
                        for (int64_t ky = 0; ky < p.kh; ky++)
                            for (int64_t kx = 0; kx < p.kw; kx++) {
                                const int64_t iy = y * p.stride_h - p.pad_h + ky * p.dilation_h;
                                const int64_t ix = x * p.stride_w - p.pad_w + kx * p.dilation_w;
                                const bool inside = iy >= 0 && iy < p.ih && ix >= 0 && ix < p.iw;
                                const int64_t channel = n * p.ci + c / co * ci + i;
                                const int a = inside ? input.at(static_cast<size_t>(
                                                           (channel * p.ih + iy) * p.iw + ix))
                                                     : pad_value;
                                sum += table.at(a, weight.at(static_cast<size_t>(
                                                       ((c * ci + i) * p.kh + ky) * p.kw + kx)));
                            }
                    result.push_back(static_cast<int32_t>(static_cast<uint64_t>(sum)));
                }
    return result;
}

std::vector<int32_t> Int8Problem::run(const NamedTable &table, const EngineForm &form,
                                      const Int8Layouts &layouts) const {
    const Int8Plan plan = int8_plan(problem, table.prepared, pad_value, form.cpu, form.engine);
    EXPECT_EQ(plan.engine, form.engine);
    Guarded<uint8_t> workspace(plan.workspace, layouts.placement, kWorkspaceAlignment);
    const auto call = [&](CallContext &context, const Activation &input, const Weight &weights,
                          const Activation &output) {
        return run_int8_conv(context, plan, input, weights, output, workspace.data());
    };
    const std::vector<int32_t> result = run(call, layouts);
    EXPECT_TRUE(workspace.redzones_intact());
    return result;
}

std::vector<int32_t> Int8Problem::run(const Call &call, const Int8Layouts &layouts) const {
    const ConvProblem &p = problem;
    const Placement placement = layouts.placement;
    const Strides in(p.n, p.ci, p.ih, p.iw, layouts.input);
    const Strides w(p.co, p.ci / p.groups, p.kh, p.kw, layouts.weight);
    const Strides out(p.n, p.co, p.oh(), p.ow(), layouts.output);
    Guarded<uint8_t> input_memory(in.extent, placement), weight_memory(w.extent, placement);
    scatter(input, in, p.n, p.ci, p.ih, p.iw, input_memory.data());
    scatter(weight, w, p.co, p.ci / p.groups, p.kh, p.kw, weight_memory.data());
    input_memory.protect(), weight_memory.protect();
    Guarded<int32_t> output_memory(out.extent, placement);
    const GuardedScratch scratch(placement);
    CallContext context;
    const bool done = call(context, {input_memory.data(), in.n, in.c, in.h, in.w},
                           {weight_memory.data(), w.n, w.c, w.h, w.w},
                           {output_memory.data(), out.n, out.c, out.h, out.w});
    EXPECT_TRUE(done) << context.error();
    EXPECT_TRUE(output_memory.redzones_intact());
    // What lies between the elements of a result with gaps is not written either.
    std::vector<bool> written(static_cast<size_t>(out.extent));
    std::vector<int32_t> result;
    for (int64_t n = 0; n < p.n; n++)
        for (int64_t c = 0; c < p.co; c++)
            for (int64_t y = 0; y < p.oh(); y++)
                for (int64_t x = 0; x < p.ow(); x++) {
                    const int64_t at = n * out.n + c * out.c + y * out.h + x * out.w;
                    written.at(static_cast<size_t>(at)) = true;
                    result.push_back(output_memory.data()[at]);
                }
    for (int64_t i = 0; i < out.extent; i++) {
        if (!written[static_cast<size_t>(i)] &&
            !Guarded<int32_t>::untouched(output_memory.data()[i])) {
            ADD_FAILURE() << "element " << i << " between those of the result was written";
            break;
        }
    }
    return result;
}

}  // namespace convwright
