// SPDX-License-Identifier: Apache-2.0
#include "runtime/multipliers/int8_conv.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/multipliers/depthwise_conv.h"
#include "runtime/multipliers/low_rank_conv.h"
#include "runtime/multipliers/table_conv.h"

namespace convwright {
namespace {

/// Null if there is such an engine, else why not.
const char *why_missing(Int8Engine engine, const Int8Table &table, const Int8Cpu &cpu) {
    if (engine == Int8Engine::kTable && !cpu.vbmi) return "the table engine needs AVX-512 VBMI";
    if (engine == Int8Engine::kLowRank && !cpu.avx2) return "the low-rank engine needs AVX2";
    if (engine == Int8Engine::kLowRank && !table.terms) return "the table is no sum of products";
    return nullptr;
}

std::optional<ByteTerms> terms_of(const Table8 &table, const Classification &classification) {
    if (classification.kind == TableClass::kTable) return std::nullopt;
    return byte_terms(table, classification);
}

bool is_depthwise(const ConvShape &shape) {
    return shape.ci == 1 && shape.co == 1 && shape.groups > 1;
}

/// Calls `use` with the engine of the plan.
template<typename Use>
auto with_engine(const Int8Plan &plan, const Use &use) {
    const ConvShape shape(plan.problem);
    const Int8Table &table = *plan.table;
    if (plan.engine != Int8Engine::kLowRank) {
        return use(TableConv(shape, table.planes, plan.cpu, plan.pad_value));
    }
    if (is_depthwise(shape) && plan.cpu.vnni) {
        return use(DepthwiseConv(shape, *table.terms, plan.cpu, plan.pad_value));
    }
    return use(LowRankConv(shape, *table.terms, plan.cpu, plan.pad_value));
}

}  // namespace

const char *int8_engine_name(Int8Engine engine) noexcept {
    switch (engine) {
        case Int8Engine::kScalar:
            return "scalar";
        case Int8Engine::kTable:
            return "table";
        default:
            return "low rank";
    }
}

int int8_table_cost(const Int8Cpu &cpu) noexcept {
    if (cpu.vnni) return cpu.vbmi ? 18 : 98;
    return cpu.avx2 ? 11 : 1;
}

Int8Table::Int8Table(const Table8 &table, const Classification &classification)
    : planes(table), terms(terms_of(table, classification)) {}

Int8Plan int8_plan(const ConvProblem &problem, std::shared_ptr<const Int8Table> table,
                   uint8_t pad_value, const Int8Cpu &cpu, std::optional<Int8Engine> engine) {
    const char *wrong = why_impossible(problem);
    if (wrong == nullptr) wrong = why_too_large(problem);
    if (engine && wrong == nullptr) wrong = why_missing(*engine, *table, cpu);
    if (wrong != nullptr) throw std::invalid_argument(std::string("int8_plan: ") + wrong);
    if (!engine) {
        // One channel in a group fills one of 16 lanes: without a kernel of its own, look-ups win.
        const bool dots = cpu.vnni || (cpu.avx2 && !is_depthwise(ConvShape(problem)));
        engine = dots && table->terms ? Int8Engine::kLowRank
                 : cpu.vbmi           ? Int8Engine::kTable
                                      : Int8Engine::kScalar;
    }
    Int8Plan plan{problem, std::move(table), *engine, cpu, pad_value, 0};
    if (plan.engine == Int8Engine::kScalar) plan.cpu = {};
    plan.workspace = with_engine(plan, [](const auto &conv) { return conv.workspace(); });
    return plan;
}

bool run_int8_conv(CallContext &context, const Int8Plan &plan, const Activation &input,
                   const Weight &weight, const Activation &output, void *workspace) {
    return with_engine(plan, [&](const auto &conv) {
        return conv.run(context, input, weight, output, workspace);
    });
}

}  // namespace convwright
