// SPDX-License-Identifier: Apache-2.0
#include "codegen/thread_addresses.h"

#include <algorithm>
#include <map>
#include <set>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

/// Evaluates an integer expression, each lane of it, at given values of variables.
class Evaluate : public IRVisitor {
public:
    std::map<std::string, int64_t> variables;
    bool known = true;

    std::vector<int64_t> operator()(const Expr &e) {
        values_.clear();
        e.accept(this);
        // Nodes that are not overridden leave no value, or that of a part.
        known &= values_.size() == static_cast<size_t>(e.type().lanes());
        return values_;
    }

private:
    using IRVisitor::visit;
    void unknown() {
        known = false;
        values_.clear();
    }
    template<typename Op>
    void binary(const Expr &a, const Expr &b, Op op) {
        std::vector<int64_t> x = (*this)(a);
        const std::vector<int64_t> y = (*this)(b);
        if (!known || x.size() != y.size()) return unknown();
        for (size_t i = 0; i < x.size(); ++i) x[i] = op(x[i], y[i]);
        values_ = std::move(x);
    }
    void visit(const IntImm *op) override { values_ = {op->value}; }
    void visit(const Variable *op) override {
        const auto found = variables.find(op->name);
        if (found == variables.end()) return unknown();
        values_ = {found->second};
    }
    void visit(const Add *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return a + b; });
    }
    void visit(const Sub *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return a - b; });
    }
    void visit(const Mul *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return a * b; });
    }
    void visit(const Div *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return div_imp(a, b); });
    }
    void visit(const Mod *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return mod_imp(a, b); });
    }
    void visit(const Min *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return std::min(a, b); });
    }
    void visit(const Max *op) override {
        binary(op->a, op->b, [](int64_t a, int64_t b) { return std::max(a, b); });
    }
    void visit(const Broadcast *op) override {
        const std::vector<int64_t> one = (*this)(op->value);
        values_.clear();
        for (int i = 0; i < op->lanes; ++i) values_.insert(values_.end(), one.begin(), one.end());
    }
    void visit(const Ramp *op) override {
        const std::vector<int64_t> base = (*this)(op->base), stride = (*this)(op->stride);
        if (!known || base.size() != stride.size()) return unknown();
        values_.clear();
        for (int i = 0; i < op->lanes; ++i)
            for (size_t j = 0; j < base.size(); ++j) values_.push_back(base[j] + i * stride[j]);
    }
    // What else there is: not understood, rather than the value of its last part.
    void visit(const Call *) override { unknown(); }
    void visit(const Load *) override { unknown(); }
    void visit(const Select *) override { unknown(); }
    void visit(const Cast *) override { unknown(); }
    void visit(const Reinterpret *) override { unknown(); }
    void visit(const Let *) override { unknown(); }
    void visit(const Shuffle *) override { unknown(); }
    void visit(const VectorReduce *) override { unknown(); }
    void visit(const UIntImm *) override { unknown(); }

    std::vector<int64_t> values_;
};

/// By how much an integer expression grows with each step of a variable, the same everywhere; nothing
/// where it has no such rate.
class Rate : public IRVisitor {
public:
    explicit Rate(const std::string &variable) : variable_(variable) {}

    std::optional<int64_t> operator()(const Expr &e) {
        if (!expr_uses_var(e, variable_)) return 0;
        rate_.reset();
        e.accept(this);
        return rate_;
    }

private:
    using IRVisitor::visit;
    void set(std::optional<int64_t> rate) { rate_ = rate; }
    void visit(const Variable *) override { set(1); }
    void sum(const Expr &a, const Expr &b, int sign) {
        const auto x = (*this)(a), y = (*this)(b);
        set(x && y ? std::optional(*x + sign * *y) : std::nullopt);
    }
    void visit(const Add *op) override { sum(op->a, op->b, 1); }
    void visit(const Sub *op) override { sum(op->a, op->b, -1); }
    void visit(const Mul *op) override {
        const auto factor = as_const_int(op->b);
        const auto rate = (*this)(op->a);
        set(factor && rate ? std::optional(*rate * *factor) : std::nullopt);
    }
    // Whole multiples of the divisor pass through a division that rounds down.
    std::optional<int64_t> multiples(const Expr &a, const Expr &b) {
        const auto divisor = as_const_int(b);
        const auto rate = (*this)(a);
        if (!divisor || *divisor <= 0 || !rate || *rate % *divisor != 0) return std::nullopt;
        return *rate / *divisor;
    }
    void visit(const Div *op) override { set(multiples(op->a, op->b)); }
    void visit(const Mod *op) override {
        set(multiples(op->a, op->b) ? std::optional<int64_t>(0) : std::nullopt);
    }
    void same(const Expr &a, const Expr &b) {
        const auto x = (*this)(a), y = (*this)(b);
        set(x == y ? x : std::nullopt);
    }
    void visit(const Min *op) override { same(op->a, op->b); }
    void visit(const Max *op) override { same(op->a, op->b); }
    void visit(const Broadcast *op) override { set((*this)(op->value)); }
    void visit(const Ramp *op) override {
        set((*this)(op->stride) == 0 ? (*this)(op->base) : std::nullopt);
    }
    // Others have none, rather than that of their last part.
    void visit(const Call *) override { set(std::nullopt); }
    void visit(const Load *) override { set(std::nullopt); }
    void visit(const Select *) override { set(std::nullopt); }
    void visit(const Cast *) override { set(std::nullopt); }
    void visit(const Reinterpret *) override { set(std::nullopt); }
    void visit(const Let *) override { set(std::nullopt); }
    void visit(const Shuffle *) override { set(std::nullopt); }
    void visit(const VectorReduce *) override { set(std::nullopt); }

    const std::string &variable_;
    std::optional<int64_t> rate_;
};

class Variables : public IRVisitor {
public:
    std::set<std::string> names;

private:
    using IRVisitor::visit;
    void visit(const Variable *op) override { names.insert(op->name); }
};

/// The expression without variables that it names and does not depend on, such as those of the block:
/// Halide leaves (thread - block) * 16 + block * 16.
Expr without_idle_variables(Expr e, const ThreadLoops &threads) {
    Variables used;
    e.accept(&used);
    for (const auto *axes : {&threads.axes, &threads.serial})
        for (const ThreadLoops::Axis &a : *axes) used.names.erase(a.name);
    for (const std::string &name : used.names)
        if (Rate(name)(e) == 0) e = substitute(name, make_zero(Int(32)), e);
    return simplify(e);
}

constexpr int64_t kMaxTurns = 4096;  // of a thread's loops together: a megabyte of addresses

class FindThreads : public IRVisitor {
public:
    ThreadLoops loops;
    bool constant = true;

private:
    using IRVisitor::visit;
    void visit(const For *op) override {
        const auto min = as_const_int(simplify(op->min));
        const auto extent = as_const_int(simplify(op->extent));
        if (op->for_type == ForType::GPUThread) {
            constant &= extent.has_value();
            loops.axes.push_back({op->name, extent.value_or(1)});
        } else if (op->for_type == ForType::Serial) {
            // Unrolling leaves several loops of one name: their bounds must agree.
            const ThreadLoops::Axis axis = {op->name, min ? extent.value_or(-1) : -1,
                                            min.value_or(0)};
            const auto same = [&](const ThreadLoops::Axis &a) { return a.name == op->name; };
            const auto known = std::find_if(loops.serial.begin(), loops.serial.end(), same);
            if (known == loops.serial.end())
                loops.serial.push_back(axis);
            else if (known->extent != axis.extent || known->min != axis.min)
                known->extent = -1;
        }
        IRVisitor::visit(op);
    }
};

}  // namespace

std::optional<ThreadLoops> thread_loops(const Stmt &nest) {
    FindThreads find;
    nest.accept(&find);
    if (!find.constant) return std::nullopt;
    auto &serial = find.loops.serial;
    serial.erase(std::remove_if(serial.begin(), serial.end(),
                                [](const ThreadLoops::Axis &a) { return a.extent < 0; }),
                 serial.end());
    return find.loops;
}

std::optional<std::vector<int64_t>> thread_addresses(const Expr &where,
                                                     const ThreadLoops &threads) {
    const Expr index = without_idle_variables(where, threads);
    std::vector<ThreadLoops::Axis> loops;
    int64_t turns = 1;
    for (const ThreadLoops::Axis &a : threads.serial) {
        if (!expr_uses_var(index, a.name)) continue;
        loops.push_back(a);
        turns *= a.extent;
        if (turns > kMaxTurns) return std::nullopt;
    }
    Evaluate evaluate;
    std::vector<int64_t> addresses;
    const auto place = [&](const std::vector<ThreadLoops::Axis> &axes, int64_t number) {
        for (const ThreadLoops::Axis &a : axes) {
            evaluate.variables[a.name] = a.min + number % a.extent;
            number /= a.extent;
        }
    };
    for (int64_t t = 0; t < threads.count(); ++t) {
        place(threads.axes, t);
        for (int64_t turn = 0; turn < turns; ++turn) {
            place(loops, turn);
            const std::vector<int64_t> lanes = evaluate(index);
            if (!evaluate.known) return std::nullopt;
            addresses.insert(addresses.end(), lanes.begin(), lanes.end());
        }
    }
    return addresses;
}

}  // namespace convwright
