// SPDX-License-Identifier: Apache-2.0
#include "codegen/pipeline_stages.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "codegen/async_copies.h"
#include "codegen/chunk_loop.h"
#include "codegen/staged_memory.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

Stmt barrier() {
    return Internal::Evaluate::make(
        Call::make(Int(32), Call::gpu_thread_barrier, {0}, Call::Intrinsic));
}

Stmt guarded(const Expr &condition, const Stmt &s) {
    const Expr known = simplify(condition);
    return is_const_one(known) ? s : IfThenElse::make(known, s);
}

/// Stores that lie in a row, as lets of their values and stores of those; nothing for what has loops,
/// branches or two lets of one name.
struct Row {
    std::vector<std::pair<std::string, Expr>> lets;
    std::vector<Stmt> stores;

    bool add(const Stmt &s) {
        if (const Block *block = s.as<Block>()) return add(block->first) && add(block->rest);
        if (const ProducerConsumer *p = s.as<ProducerConsumer>()) return add(p->body);
        if (const LetStmt *let = s.as<LetStmt>())
            return names_.insert(let->name).second &&
                   (lets.emplace_back(let->name, let->value), true) && add(let->body);
        const Store *store = s.as<Store>();
        if (store == nullptr) return false;
        const std::string value = unique_name("next");
        lets.emplace_back(value, store->value);
        stores.push_back(Store::make(store->name, Variable::make(store->value.type(), value),
                                     store->index, store->param, store->predicate,
                                     store->alignment));
        return true;
    }

private:
    std::set<std::string> names_;
};

/// `use`, with the loads of `copies` in front of it and their stores behind.
Stmt around(const Stmt &copies, const Stmt &use) {
    Row row;
    if (!row.add(copies)) return Block::make(use, copies);
    std::vector<Stmt> statements = {use};
    statements.insert(statements.end(), row.stores.begin(), row.stores.end());
    Stmt s = Block::make(statements);
    for (auto let = row.lets.rbegin(); let != row.lets.rend(); ++let)
        s = LetStmt::make(let->first, let->second, s);
    return s;
}

class Pipelines : public IRMutator {
public:
    Pipelines(const Stmt &nest, int stages) : stages_(stages), threads_(thread_loops(nest)) {}

    int loops = 0;
    std::string why_not;

private:
    using IRMutator::visit;

    Stmt visit(const LetStmt *op) override {
        const Expr value = mutate(op->value);
        lets_[op->name] = substitute(lets_, op->value);
        return LetStmt::make(op->name, value, mutate(op->body));
    }

    Stmt visit(const Allocate *op) override {
        if (op->memory_type != MemoryType::GPUShared) return IRMutator::visit(op);
        shared_[op->name] = op->type;
        Stmt body = mutate(op->body);
        std::vector<Expr> extents = op->extents;
        if (staged_.count(op->name) != 0) {
            // What else lay in it stays, up to its end.
            const auto used = elements_used(op, body, lets_, *threads_);
            if (used) extents = {static_cast<int>(*used)};
        }
        if (extents.empty() || !is_const_zero(extents[0]))
            body =
                Allocate::make(op->name, op->type, op->memory_type, extents, op->condition, body);
        for (const StagedBuffer &s : staged_[op->name])
            body = Allocate::make(s.name, s.type, MemoryType::GPUShared, {s.elements * stages_},
                                  const_true(), body);
        staged_.erase(op->name);
        return body;
    }

    Stmt visit(const For *op) override {
        const int before = loops;
        const Stmt same = IRMutator::visit(op);
        if (loops != before || op->for_type != ForType::Serial) return same;
        const auto chunk = chunk_loop(same.as<For>());
        if (!chunk) return same;
        std::string why = why_no_copies(*chunk, shared_);
        if (why.empty() && !threads_) why = "runs in a block whose threads are not constant";
        if (why.empty()) {
            StagedMemory memory(*chunk, shared_, lets_, *threads_);
            why = memory.why_not();
            if (why.empty()) {
                ++loops;
                for (const auto &[buffer, staged] : memory.buffers())
                    staged_[buffer].push_back(staged);
                return pipeline(*chunk, memory);
            }
        }
        if (why_not.empty()) why_not = "the loop " + op->name + " " + why;
        return same;
    }

    /// Statements of chunk `chunk` with its part of each buffer; `suffix` keeps the offsets of two
    /// chunks apart.
    Stmt at_stage(const Expr &chunk, Stmt s, const StagedMemory &memory, const Expr &min,
                  const std::string &suffix) const {
        for (const auto &[name, buffer] : memory.buffers()) {
            const std::string offset = buffer.offset + suffix;
            s = substitute(buffer.offset, Variable::make(Int(32), offset), s);
            s = LetStmt::make(offset, simplify((chunk - min) % stages_ * buffer.elements), s);
        }
        return s;
    }

    Stmt pipeline(const ChunkLoop &chunk, const StagedMemory &memory) const {
        const For *loop = chunk.loop.as<For>();
        const Expr min = loop->min, end = simplify(loop->min + loop->extent),
                   turn = Variable::make(Int(32), loop->name), next = turn + (stages_ - 1);
        const auto copies = [&](const Expr &from, const Expr &to) {
            return at_stage(to, substitute(loop->name, from, memory.copies()), memory, min,
                            ".next");
        };
        // Also where only copies from before the loop are under way: its first group is theirs too.
        const bool groups = chunk.waits;
        const auto start = [&](const Expr &number) {
            const Stmt copy = guarded(number < end, copies(number, number));
            return groups ? Block::make(copy, async_commit()) : copy;
        };
        const auto serial = [&](const std::string &name, const Expr &extent, const Stmt &body) {
            return For::make(name, min, extent, ForType::Serial, loop->partition_policy,
                             loop->device_api, body);
        };
        Stmt first = start(min);
        if (stages_ > 2) {
            const std::string name = unique_name(loop->name + ".first");
            first = serial(name, stages_ - 1, start(Variable::make(Int(32), name)));
        }
        const Stmt use = at_stage(turn, memory.use(), memory, min, "");
        // Behind the last chunk a plain copy is made of that one again, where nothing reads it: loads
        // under a condition could not go in front of the use.
        const Stmt body =
            groups ? Block::make({async_wait(stages_ - 2), barrier(), start(next), use})
                   : Block::make(barrier(), around(copies(min_of(next, end - 1), next), use));
        return Block::make({first, serial(loop->name, loop->extent, body), barrier()});
    }

    static Expr min_of(const Expr &a, const Expr &b) { return simplify(Min::make(a, b)); }

    const int stages_;
    const std::optional<ThreadLoops> threads_;
    std::map<std::string, Expr> lets_;
    std::map<std::string, Type> shared_;
    std::map<std::string, std::vector<StagedBuffer>> staged_;
};

}  // namespace

PipelinedNest pipeline_stages(const Stmt &nest, int stages) {
    Pipelines pipelines(nest, stages);
    const Stmt result = pipelines.mutate(nest);
    return {result, pipelines.loops, pipelines.why_not};
}

}  // namespace convwright
