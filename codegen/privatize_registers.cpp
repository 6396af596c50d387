// SPDX-License-Identifier: Apache-2.0
#include "codegen/privatize_registers.h"

#include <map>
#include <set>
#include <string>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

/// Values of the lets around a place, so that indices compare by what they are made of.
using Lets = std::map<std::string, Expr>;

std::vector<Expr> lanes_of(const Expr &index) {
    if (index.type().is_scalar()) return {index};
    std::vector<Expr> lanes;
    if (const Ramp *r = index.as<Ramp>()) {
        for (int i = 0; i < r->lanes; ++i) {
            for (const Expr &e : lanes_of(simplify(r->base + i * r->stride))) lanes.push_back(e);
        }
    } else {
        for (int i = 0; i < index.type().lanes(); ++i)
            lanes.push_back(simplify(extract_lane(index, i)));
    }
    return lanes;
}

/// All indices of one allocation, and the loops around them that are no threads.
class Accesses : public IRVisitor {
public:
    explicit Accesses(std::string name) : name_(std::move(name)) {}

    std::vector<Expr> loaded, stored;
    std::set<std::string> loops;

private:
    using IRVisitor::visit;
    void add(const Expr &index, std::vector<Expr> &to) {
        for (const Expr &e : lanes_of(index)) to.push_back(simplify(substitute(lets_, e)));
    }
    void visit(const Load *op) override {
        if (op->name == name_) add(op->index, loaded);
        IRVisitor::visit(op);
    }
    void visit(const Store *op) override {
        if (op->name == name_) add(op->index, stored);
        IRVisitor::visit(op);
    }
    // In the order of execution: a name that is let again has its new value from there on.
    void visit(const LetStmt *op) override {
        op->value.accept(this);
        lets_[op->name] = substitute(lets_, op->value);
        op->body.accept(this);
    }
    void visit(const Let *op) override {
        op->value.accept(this);
        lets_[op->name] = substitute(lets_, op->value);
        op->body.accept(this);
    }
    void visit(const For *op) override {
        if (op->for_type != ForType::GPUThread) loops.insert(op->name);
        IRVisitor::visit(op);
    }
    const std::string name_;
    Lets lets_;
};

/// Replaces each index by its slot.
class ToSlots : public IRMutator {
public:
    ToSlots(std::string name, Expr base, const std::map<int64_t, int> &slots)
        : name_(std::move(name)), base_(std::move(base)), slots_(slots) {}

private:
    using IRMutator::visit;

    std::vector<Expr> slots_of(const Expr &index) const {
        std::vector<Expr> slots;
        for (const Expr &e : lanes_of(index))
            slots.emplace_back(slots_.at(*as_const_int(simplify(substitute(lets_, e) - base_))));
        return slots;
    }
    /// Neighbours from a multiple of their number on stay a vector.
    static bool stay_vector(const std::vector<Expr> &slots) {
        const int64_t first = *as_const_int(slots[0]), lanes = static_cast<int64_t>(slots.size());
        for (int64_t i = 0; i < lanes; ++i)
            if (*as_const_int(slots[i]) != first + i) return false;
        return lanes > 1 && first % lanes == 0;
    }
    Expr visit(const Load *op) override {
        if (op->name != name_) return IRMutator::visit(op);
        const std::vector<Expr> slots = slots_of(op->index);
        const auto load = [&](Type t, const Expr &slot) {
            return Load::make(t, name_, slot, op->image, op->param, const_true(t.lanes()),
                              ModulusRemainder());
        };
        const int count = static_cast<int>(slots.size());
        if (stay_vector(slots)) return load(op->type, Ramp::make(slots[0], 1, count));
        std::vector<Expr> lanes;
        for (const Expr &slot : slots) lanes.push_back(load(op->type.element_of(), slot));
        return count == 1 ? lanes[0] : Shuffle::make_concat(lanes);
    }
    Stmt visit(const Store *op) override {
        if (op->name != name_) return IRMutator::visit(op);
        const Expr value = mutate(op->value);
        const std::vector<Expr> slots = slots_of(op->index);
        const auto store = [&](const Expr &v, const Expr &slot) {
            return Store::make(name_, v, slot, op->param, const_true(v.type().lanes()),
                               ModulusRemainder());
        };
        const int count = static_cast<int>(slots.size());
        if (count == 1) return store(value, slots[0]);
        if (stay_vector(slots)) return store(value, Ramp::make(slots[0], 1, count));
        // All lanes are read before the first is written.
        const std::string whole = unique_name(name_ + ".lanes");
        const Expr variable = Variable::make(value.type(), whole);
        std::vector<Stmt> stores;
        for (int i = 0; i < count; ++i)
            stores.push_back(store(Shuffle::make_extract_element(variable, i), slots[i]));
        return LetStmt::make(whole, value, Block::make(stores));
    }
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

    const std::string name_;
    const Expr base_;
    const std::map<int64_t, int> &slots_;
    Lets lets_;
};

class Predicated : public IRVisitor {
public:
    explicit Predicated(std::string name) : name_(std::move(name)) {}
    bool found = false;

private:
    using IRVisitor::visit;
    void visit(const Load *op) override {
        found |= op->name == name_ && !is_const_one(op->predicate);
        IRVisitor::visit(op);
    }
    void visit(const Store *op) override {
        found |= op->name == name_ && !is_const_one(op->predicate);
        IRVisitor::visit(op);
    }
    const std::string name_;
};

class Privatize : public IRMutator {
    using IRMutator::visit;

    Stmt visit(const Allocate *op) override {
        if (op->memory_type != MemoryType::Register) return IRMutator::visit(op);
        Accesses accesses(op->name);
        op->body.accept(&accesses);
        if (accesses.stored.empty() && accesses.loaded.empty()) return IRMutator::visit(op);
        Predicated predicated(op->name);
        op->body.accept(&predicated);
        _halide_user_assert(!predicated.found)
            << "privatize_registers: " << op->name
            << " is accessed under a vector predicate; use TailStrategy::RoundUp there\n";

        const Expr base = accesses.stored.empty() ? accesses.loaded[0] : accesses.stored[0];
        for (const std::string &loop : accesses.loops)
            _halide_user_assert(!expr_uses_var(base, loop))
                << "privatize_registers: the index of " << op->name << ", " << base
                << ", runs over the loop " << loop << "; unroll that loop\n";
        const auto constant = [&](const Expr &index) {
            const Expr difference = simplify(index - base);
            const auto value = as_const_int(difference);
            _halide_user_assert(value.has_value())
                << "privatize_registers: the indices of " << op->name << ", " << index << " and "
                << base << ", do not differ by a constant but by " << difference
                << "; give its stages the same threads and unroll their register tiles\n";
            return *value;
        };
        std::map<int64_t, int> slots;
        for (const Expr &index : accesses.stored) slots[constant(index)] = 0;
        for (const Expr &index : accesses.loaded)
            _halide_user_assert(slots.count(constant(index)) != 0)
                << "privatize_registers: a thread reads " << op->name << " at " << index
                << ", which it never stores: the element is another thread's; "
                << "keep the Func in shared memory\n";
        int count = 0;
        for (auto &[offset, slot] : slots) slot = count++;
        const Stmt body = mutate(ToSlots(op->name, base, slots).mutate(op->body));
        return Allocate::make(op->name, op->type, MemoryType::Stack, {Expr(count)}, op->condition,
                              body);
    }
};

}  // namespace

Stmt privatize_registers(const Stmt &nest) { return Privatize().mutate(nest); }

}  // namespace convwright
