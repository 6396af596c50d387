// SPDX-License-Identifier: Apache-2.0
#include "codegen/pipeline_stages.h"

#include <gtest/gtest.h>

#include <string>

#include "codegen/async_copies.h"
#include "tests/codegen/lower.h"

namespace convwright {
namespace {

using namespace Halide;
using namespace Halide::Internal;

const Expr t = Variable::make(Int(32), ".thread_id_x"), chunk = Variable::make(Int(32), "chunk"),
           chunks = Variable::make(Int(32), "chunks");

Expr take(const std::string &buffer, const Expr &index) {
    return Load::make(Float(32), buffer, index, Buffer<>(), Parameter(), const_true(),
                      ModulusRemainder());
}
Stmt put(const std::string &buffer, const Expr &index, const Expr &value) {
    return Store::make(buffer, value, index, Parameter(), const_true(), ModulusRemainder());
}
Stmt copy(const Expr &index = t) { return put("s", index, take("input", chunk * 32 + t)); }
Stmt use(const Expr &index = 31 - t) { return put("out", t, take("s", index)); }
Stmt barrier() {
    return Internal::Evaluate::make(
        Call::make(Int(32), Call::gpu_thread_barrier, {0}, Call::Intrinsic));
}

/// The statements as the body of a chunk loop of 32 threads with 64 elements of shared memory.
Stmt nest(const std::vector<Stmt> &body, bool async = false) {
    const Stmt loop = For::make("chunk", 0, chunks, ForType::Serial, Partition::Never,
                                DeviceAPI::None, Block::make(body));
    const Stmt threads = For::make(".thread_id_x", 0, 32, ForType::GPUThread, Partition::Never,
                                   DeviceAPI::CUDA, loop);
    const Stmt s =
        Allocate::make("s", Float(32), MemoryType::GPUShared, {64}, const_true(), threads);
    return async ? async_copies(s) : s;
}
std::string why_not(const std::vector<Stmt> &body) {
    const PipelinedNest pipelined = pipeline_stages(nest(body), 2);
    EXPECT_EQ(pipelined.loops, pipelined.why_not.empty() ? 1 : 0);
    return pipelined.why_not;
}

/// The statements in their order: c copy, g group, w and a number: wait, b barrier, s other store,
/// [ ] a loop, ( ) a branch.
std::string order(const Stmt &s) {
    class Order : public IRVisitor {
    public:
        std::string text;

    private:
        using IRVisitor::visit;
        void visit(const Store *op) override { text += op->name.find("stages") == 0 ? "c" : "s"; }
        void visit(const Internal::Evaluate *op) override {
            const auto wait = async_wait_of(op);
            text += wait ? "w" + std::to_string(*wait) : is_async_commit(op) ? "g" : "b";
        }
        void visit(const For *op) override {
            const bool serial = op->for_type == ForType::Serial;
            text += serial ? "[" : "";
            op->body.accept(this);
            text += serial ? "]" : "";
        }
        void visit(const IfThenElse *op) override {
            text += "(";
            op->then_case.accept(this);
            text += ")";
        }
    } order;
    s.accept(&order);
    return order.text;
}

TEST(PipelineStages, KeepACopyLessThanStagesUnderWay) {
    const std::vector<Stmt> body = {copy(), barrier(), use(), barrier()};
    EXPECT_EQ(order(pipeline_stages(nest(body, true), 2).nest), "(c)g[w0b(c)gs]b");
    EXPECT_EQ(order(pipeline_stages(nest(body, true), 3).nest), "[(c)g][w1b(c)gs]b");
    EXPECT_EQ(order(pipeline_stages(nest(body, true), 4).nest), "[(c)g][w2b(c)gs]b");
}

TEST(PipelineStages, StorePlainCopiesBehindTheUse) {
    EXPECT_EQ(order(pipeline_stages(nest({copy(), barrier(), use(), barrier()}), 2).nest),
              "(c)[bsc]b");
    // A branch of the copies' own is not divided.
    EXPECT_EQ(order(pipeline_stages(
                        nest({IfThenElse::make(t < 7, copy()), barrier(), use(), barrier()}), 2)
                        .nest),
              "((c))[bs(c)]b");
}

TEST(PipelineStages, WaitForCopiesFromBeforeTheLoop) {
    // Those that only the loop's barrier orders: the first group is theirs, plain as its own may be.
    Stmt s = nest({put("s", t, take("input", chunk * 32 + t) * 2.0f), barrier(), use(), use(32 + t),
                   barrier()});
    const Allocate *memory = s.as<Allocate>();
    const For *threads = memory->body.as<For>();
    s = Allocate::make(
        "s", Float(32), MemoryType::GPUShared, {64}, const_true(),
        For::make(threads->name, 0, 32, ForType::GPUThread, Partition::Never, DeviceAPI::CUDA,
                  Block::make(put("s", 32 + t, take("input", t)), threads->body)));
    EXPECT_EQ(order(pipeline_stages(async_copies(s), 3).nest), "s[(c)g][w1b(c)gss]b");
}

TEST(PipelineStages, DivideSharedMemory) {
    class Sizes : public IRVisitor {
    public:
        std::string text;

    private:
        using IRVisitor::visit;
        void visit(const Allocate *op) override {
            text +=
                op->name.substr(0, 6) + " " + std::to_string(op->constant_allocation_size()) + " ";
            IRVisitor::visit(op);
        }
    };
    const auto sizes = [](const std::vector<Stmt> &body) {
        Sizes sizes;
        pipeline_stages(nest(body), 3).nest.accept(&sizes);
        return sizes.text;
    };
    EXPECT_EQ(sizes({copy(), barrier(), use(), barrier()}), "stages 96 ");
    EXPECT_EQ(sizes({copy(t + 8), barrier(), use(39 - t), barrier()}), "stages 96 ");
    // What the copies do not fill stays where it was.
    EXPECT_EQ(sizes({copy(), barrier(), use(), use(t + 32), barrier()}), "stages 96 s 64 ");
    EXPECT_EQ(sizes({copy(t + 32), barrier(), use(63 - t), use(t), barrier()}), "stages 96 s 32 ");
}

TEST(PipelineStages, WithoutABarrierBehindTheUse) {
    EXPECT_EQ(why_not({copy(), barrier(), use()}), "");
}

TEST(PipelineStages, RefuseWhatDoesMoreThanCopy) {
    EXPECT_EQ(
        why_not({put("out", t, 0.0f), copy(), barrier(), use(), barrier()}),
        "the loop chunk stores out, which is not shared memory, in front of its first barrier");
    EXPECT_EQ(why_not({put("s", t, take("s", t + 32)), barrier(), use(), barrier()}),
              "the loop chunk reads s, which it writes, in front of its first barrier");
    EXPECT_EQ(why_not({put("s", t, take("out", t)), barrier(), use(), barrier()}),
              "the loop chunk reads out, which it writes, in front of its first barrier");
    EXPECT_EQ(why_not({IfThenElse::make(t < 5, Block::make(copy(), barrier())), barrier(), use()}),
              "the loop chunk does more than store in front of its first barrier");
}

TEST(PipelineStages, RefuseWhatIsNotWhollyFilledEachTime) {
    EXPECT_NE(why_not({copy(t + chunk), barrier(), use(), barrier()})
                  .find("which must depend on threads and constant loops alone"),
              std::string::npos);
    EXPECT_NE(why_not({copy(), barrier(), use(t + 1), barrier()}).find("fill a part only"),
              std::string::npos);
    EXPECT_NE(why_not({copy(), barrier(), use(t + chunks), barrier()}).find("may or may not be"),
              std::string::npos);
    EXPECT_NE(why_not({copy(), barrier(), use(), put("s", t, 0.0f), barrier()})
                  .find("stores s at .thread_id_x behind its first barrier"),
              std::string::npos);
}

TEST(PipelineStages, RefuseAPipelineWithoutAChunkLoop) {
    ImageParam input(Float(32), 1, "input");
    Var x("x"), x_o("x_o"), x_t("x_t");
    Func out("out");
    out(x) = input(x);
    out.split(x, x_o, x_t, 32).gpu_blocks(x_o).gpu_threads(x_t);
    CudaOptions options;
    options.stages = 2;
    EXPECT_NE(lower_to_cuda(out, {input}, options).error.find("no kernel has a serial loop"),
              std::string::npos);
    options.stages = 5;
    EXPECT_NE(lower_to_cuda(out, {input}, options).error.find("a pipeline of 5 stages; 1 to 4"),
              std::string::npos);
}

}  // namespace
}  // namespace convwright
