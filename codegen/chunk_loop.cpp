// SPDX-License-Identifier: Apache-2.0
#include "codegen/chunk_loop.h"

#include <set>

#include "codegen/async_copies.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

bool is_barrier(const Stmt &s) {
    const Internal::Evaluate *e = s.as<Internal::Evaluate>();
    const Call *call = e != nullptr ? e->value.as<Call>() : nullptr;
    return call != nullptr && call->is_intrinsic(Call::gpu_thread_barrier);
}

Stmt nothing() { return Internal::Evaluate::make(0); }

/// What a statement touches.
class Touched : public IRVisitor {
public:
    std::set<std::string> loaded, stored, allocated;
    bool other = false;  ///< Does anything but store.

private:
    using IRVisitor::visit;
    void visit(const Load *op) override {
        loaded.insert(op->name);
        IRVisitor::visit(op);
    }
    void visit(const Store *op) override {
        stored.insert(op->name);
        IRVisitor::visit(op);
    }
    void visit(const Allocate *op) override {
        allocated.insert(op->name);
        IRVisitor::visit(op);
    }
    void visit(const Internal::Evaluate *op) override { other |= !is_const(op->value); }
};

Touched touched(const Stmt &s) {
    Touched t;
    s.accept(&t);
    return t;
}

/// What stands on one side of the first barrier of a body.
class Side : public IRMutator {
public:
    explicit Side(bool front) : front_(front) {}
    bool passed = false, waits = false;

    Stmt mutate(const Stmt &s) override {
        const bool leaf = s.as<Block>() == nullptr && s.as<LetStmt>() == nullptr &&
                          s.as<ProducerConsumer>() == nullptr && s.as<Allocate>() == nullptr;
        if (!leaf) return IRMutator::mutate(s);
        if (!passed && is_barrier(s)) {
            passed = true;
            return nothing();
        }
        const Internal::Evaluate *e = s.as<Internal::Evaluate>();
        const bool wait = e != nullptr && (is_async_commit(e) || async_wait_of(e));
        waits |= wait && !passed;
        return passed != front_ && !(wait && front_) ? s : nothing();
    }
    using IRMutator::mutate;

private:
    using IRMutator::visit;
    Stmt visit(const Block *op) override {
        const Stmt first = mutate(op->first), rest = mutate(op->rest);
        if (is_no_op(first)) return rest;
        return is_no_op(rest) ? first : Block::make(first, rest);
    }
    Stmt visit(const LetStmt *op) override {
        const Stmt body = mutate(op->body);
        return stmt_uses_var(body, op->name) ? LetStmt::make(op->name, op->value, body) : body;
    }
    Stmt visit(const ProducerConsumer *op) override {
        const Stmt body = mutate(op->body);
        return is_no_op(body) ? body : ProducerConsumer::make(op->name, op->is_producer, body);
    }
    Stmt visit(const Allocate *op) override {
        const Stmt body = mutate(op->body);
        const Touched t = touched(body);
        if (t.loaded.count(op->name) + t.stored.count(op->name) == 0) return body;
        return Allocate::make(op->name, op->type, op->memory_type, op->extents, op->condition,
                              body);
    }
    const bool front_;
};

Stmt without_last_barrier(const Stmt &s) {
    if (is_barrier(s)) return nothing();
    if (const Block *op = s.as<Block>()) {
        const Stmt rest = without_last_barrier(op->rest);
        return is_no_op(rest) ? op->first : Block::make(op->first, rest);
    }
    if (const LetStmt *op = s.as<LetStmt>())
        return LetStmt::make(op->name, op->value, without_last_barrier(op->body));
    if (const ProducerConsumer *op = s.as<ProducerConsumer>())
        return ProducerConsumer::make(op->name, op->is_producer, without_last_barrier(op->body));
    return s;
}

}  // namespace

std::optional<ChunkLoop> chunk_loop(const Stmt &loop) {
    const Stmt &body = loop.as<For>()->body;
    Side front(true), behind(false);
    ChunkLoop chunk;
    chunk.loop = loop;
    chunk.copies = front.mutate(body);
    chunk.use = without_last_barrier(behind.mutate(body));
    chunk.waits = front.waits;
    if (!front.passed || touched(chunk.copies).stored.empty()) return std::nullopt;
    return chunk;
}

std::string why_no_copies(const ChunkLoop &chunk, const std::map<std::string, Type> &shared) {
    const Touched copies = touched(chunk.copies), use = touched(chunk.use);
    if (copies.other) return "does more than store in front of its first barrier";
    for (const std::string &name : copies.stored)
        if (shared.count(name) == 0 && copies.allocated.count(name) == 0)
            return "stores " + name + ", which is not shared memory, in front of its first barrier";
    for (const std::string &name : copies.loaded) {
        if (copies.allocated.count(name) != 0) continue;
        if (copies.stored.count(name) + use.stored.count(name) != 0)
            return "reads " + name + ", which it writes, in front of its first barrier";
    }
    return "";
}

}  // namespace convwright
