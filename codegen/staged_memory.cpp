// SPDX-License-Identifier: Apache-2.0
#include "codegen/staged_memory.h"

#include <algorithm>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

constexpr int64_t kAlignment = 16;      // bytes, of the widest access
constexpr int64_t kMaxBytes = 1 << 20;  // more than any block's shared memory

/// Keeps the values of lets, over what they are made of.
class WithLets : public IRMutator {
public:
    explicit WithLets(const std::map<std::string, Expr> &lets) : lets_(lets) {}

protected:
    using IRMutator::visit;
    Expr whole(const Expr &index) const { return simplify(substitute(lets_, index)); }
    Stmt visit(const LetStmt *op) override {
        const Expr value = mutate(op->value);
        lets_[op->name] = substitute(lets_, op->value);
        return LetStmt::make(op->name, value, mutate(op->body));
    }
    Expr visit(const Let *op) override {
        const Expr value = mutate(op->value);
        lets_[op->name] = substitute(lets_, op->value);
        return Let::make(op->name, value, mutate(op->body));
    }

private:
    std::map<std::string, Expr> lets_;
};

std::string text_of(const Expr &e) {
    std::ostringstream text;
    text << e;
    return text.str();
}

}  // namespace

/// Marks the bytes that the copies fill.
class StagedMemory::Fills : public WithLets {
public:
    Fills(StagedMemory &memory, const std::string &loop, const std::map<std::string, Type> &shared,
          const std::map<std::string, Expr> &lets)
        : WithLets(lets), memory_(memory), within_(memory.threads_), shared_(shared) {
        auto &serial = within_.serial;
        serial.erase(std::remove_if(serial.begin(), serial.end(),
                                    [&](const ThreadLoops::Axis &a) { return a.name == loop; }),
                     serial.end());
    }

private:
    using WithLets::visit;
    Stmt visit(const Store *op) override {
        if (shared_.count(op->name) == 0) return op;
        const Expr index = whole(op->index);
        const auto addresses = thread_addresses(index, within_);
        const int64_t bytes = op->value.type().element_of().bytes();
        bool known = addresses.has_value();
        std::vector<bool> &filled = memory_.filled_[op->name];
        for (size_t i = 0; known && i < addresses->size(); ++i) {
            const int64_t first = (*addresses)[i] * bytes;
            known = first >= 0 && first < kMaxBytes;
            if (!known) break;
            filled.resize(std::max<size_t>(filled.size(), first + bytes));
            std::fill_n(filled.begin() + first, bytes, true);
        }
        if (!known && memory_.why_not_.empty())
            memory_.why_not_ = "copies to " + op->name + " at " + text_of(index) +
                               ", which must depend on threads and constant loops alone";
        return op;
    }
    StagedMemory &memory_;
    ThreadLoops within_;  // a turn of the chunk loop
    const std::map<std::string, Type> &shared_;
};

/// Turns accesses of what the copies fill to the buffers of the stages.
class StagedMemory::ToStages : public WithLets {
public:
    ToStages(StagedMemory &memory, bool copies, const std::map<std::string, Expr> &lets)
        : WithLets(lets), memory_(memory), copies_(copies) {
        for (const auto *axes : {&memory.threads_.axes, &memory.threads_.serial})
            for (const ThreadLoops::Axis &a : *axes)
                loops_.push(a.name, Interval(static_cast<int>(a.min),
                                             static_cast<int>(a.min + a.extent - 1)));
    }

private:
    using WithLets::visit;

    void refuse(const std::string &why) const {
        if (memory_.why_not_.empty()) memory_.why_not_ = why;
    }

    /// Whether an access is to what the copies fill.
    bool is_filled(const std::string &name, const Expr &index, int64_t bytes) const {
        const std::vector<bool> &filled = memory_.filled_.at(name);
        const auto at = [&](int64_t element) {
            const int64_t byte = element * bytes;
            return byte >= 0 && byte < static_cast<int64_t>(filled.size()) && filled[byte];
        };
        if (const auto addresses = thread_addresses(index, memory_.threads_)) {
            const auto inside = std::count_if(addresses->begin(), addresses->end(), at);
            const bool all = inside == static_cast<int64_t>(addresses->size());
            if (inside != 0 && !all)
                refuse("uses elements of " + name + " at " + text_of(index) +
                       ", of which its copies fill a part only");
            return all;
        }
        const Interval range = bounds_of_expr_in_scope(index, loops_);
        bool all = false, any = true;
        if (range.is_bounded()) {
            const auto first = as_const_int(simplify(range.min)),
                       last = as_const_int(simplify(range.max));
            if (first && last && *last < kMaxBytes) {
                any = false, all = *first <= *last;
                for (int64_t i = *first; i <= *last; ++i) at(i) ? any = true : all = false;
            }
        }
        if (any && !all)
            refuse("uses " + name + " at " + text_of(index) +
                   ", which may or may not be what its copies fill");
        return all;
    }

    const StagedBuffer &staged(const std::string &name) { return memory_.buffers_.at(name); }
    Expr place(const std::string &name, const Expr &index, Type type) {
        const StagedBuffer &buffer = staged(name);
        const std::vector<bool> &filled = memory_.filled_.at(name);
        const int64_t first = std::find(filled.begin(), filled.end(), true) - filled.begin();
        const int bytes = type.element_of().bytes();
        const Expr offset = Variable::make(Int(32), buffer.offset) * (buffer.type.bytes() / bytes) -
                            static_cast<int>(first / kAlignment * kAlignment / bytes);
        if (const Ramp *ramp = index.as<Ramp>(); ramp != nullptr && ramp->base.type().is_scalar())
            return Ramp::make(simplify(ramp->base + offset), ramp->stride, ramp->lanes);
        const int lanes = index.type().lanes();
        return simplify(index + (lanes > 1 ? Broadcast::make(offset, lanes) : offset));
    }

    Expr visit(const Load *op) override {
        if (memory_.filled_.count(op->name) == 0) return IRMutator::visit(op);
        const Expr index = mutate(op->index);
        const int64_t bytes = op->type.element_of().bytes();
        if (!is_filled(op->name, whole(op->index), bytes)) return IRMutator::visit(op);
        return Load::make(op->type, staged(op->name).name, place(op->name, index, op->type),
                          op->image, op->param, mutate(op->predicate), ModulusRemainder());
    }
    Stmt visit(const Store *op) override {
        if (memory_.filled_.count(op->name) == 0) return IRMutator::visit(op);
        const Type type = op->value.type();
        if (!is_filled(op->name, whole(op->index), type.element_of().bytes()))
            return IRMutator::visit(op);
        if (!copies_)
            refuse("stores " + op->name + " at " + text_of(op->index) +
                   " behind its first barrier, where its copies do");
        return Store::make(staged(op->name).name, mutate(op->value),
                           place(op->name, mutate(op->index), type), op->param,
                           mutate(op->predicate), ModulusRemainder());
    }

    StagedMemory &memory_;
    const bool copies_;
    Scope<Interval> loops_;
};

std::optional<int64_t> elements_used(const Allocate *allocation, const Stmt &body,
                                     const std::map<std::string, Expr> &lets,
                                     const ThreadLoops &threads) {
    class Last : public WithLets {
    public:
        Last(const std::string &name, const ThreadLoops &threads,
             const std::map<std::string, Expr> &lets)
            : WithLets(lets), name_(name), threads_(threads) {}
        int64_t bytes = 0;
        bool known = true;

    private:
        using WithLets::visit;
        void add(const std::string &name, const Expr &index, Type type) {
            if (name != name_) return;
            const auto addresses = thread_addresses(whole(index), threads_);
            known &= addresses.has_value();
            if (!known) return;
            for (const int64_t a : *addresses)
                bytes = std::max(bytes, (a + 1) * type.element_of().bytes());
        }
        Expr visit(const Load *op) override {
            add(op->name, op->index, op->type);
            return WithLets::visit(op);
        }
        Stmt visit(const Store *op) override {
            add(op->name, op->index, op->value.type());
            return WithLets::visit(op);
        }
        const std::string &name_;
        const ThreadLoops &threads_;
    } last(allocation->name, threads, lets);
    last.mutate(body);
    if (!last.known) return std::nullopt;
    return (last.bytes + allocation->type.bytes() - 1) / allocation->type.bytes();
}

StagedMemory::StagedMemory(const ChunkLoop &chunk, const std::map<std::string, Type> &shared,
                           const std::map<std::string, Expr> &lets, const ThreadLoops &threads)
    : threads_(threads) {
    Fills(*this, chunk.loop.as<For>()->name, shared, lets).mutate(chunk.copies);
    if (!why_not_.empty()) return;
    for (const auto &[name, filled] : filled_) {
        const Type type = shared.at(name);
        const int64_t first = std::find(filled.begin(), filled.end(), true) - filled.begin();
        const int64_t bytes = static_cast<int64_t>(filled.size()) - first / kAlignment * kAlignment;
        const std::string stages = unique_name("stages");
        buffers_[name] = {
            stages, type,
            static_cast<int>((bytes + kAlignment - 1) / kAlignment * kAlignment / type.bytes()),
            stages + ".offset"};
    }
    copies_ = ToStages(*this, true, lets).mutate(chunk.copies);
    use_ = ToStages(*this, false, lets).mutate(chunk.use);
}

}  // namespace convwright
