// SPDX-License-Identifier: Apache-2.0
#include "codegen/tensorize_mma.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "codegen/ldmatrix.h"
#include "codegen/mma_nest.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

const char *const kRegister = "convwright_register";
constexpr int kLanes = 32;

/// A row of device/mma.h.
struct Shape {
    Type factor, sum;
    int k, per_register;
    const char *function;
};
const Shape kShapes[] = {{Float(32), Float(32), 8, 1, "mma_m16n8k8_tf32"},
                         {BFloat(16), Float(32), 16, 2, "mma_m16n8k16_bf16"},
                         {Float(16), Float(32), 16, 2, "mma_m16n8k16_f16"},
                         {Int(8), Int(32), 32, 4, "mma_m16n8k32_s8"}};

/// A factor in the type that is multiplied on tensor cores: without the cast to the sum's.
Expr narrow(const Expr &factor) {
    const Cast *cast = factor.as<Cast>();
    return cast != nullptr ? cast->value : factor;
}

const Shape &shape_of(const MmaNest &nest, const MultiplyAdd &p) {
    const Type a = p.a.type(), b = p.b.type(), sum = p.store->value.type();
    for (const Shape &s : kShapes) {
        if (s.factor != a || s.factor != b || s.sum != sum) continue;
        _halide_user_assert(nest.k() == s.k)
            << "tensorize_mma: the loop " << nest.name('k') << " has the extent " << nest.k()
            << "; factors of type " << a << " take " << s.k << "\n";
        return s;
    }
    _halide_user_error << "tensorize_mma: no tensor core adds a product of " << a << " and " << b
                       << " to " << sum << "; factors are float32, or bfloat16, float16 cast to "
                       << "float32, or int8 cast to int32\n";
    return kShapes[0];
}

/// One register of neighbours along k: a word of memory where they lie there side by side.
Expr packed(std::vector<Expr> elements) {
    for (Expr &e : elements)
        if (const Reinterpret *bits = e.as<Reinterpret>()) e = bits->value;
    const Type type = elements[0].type();
    if (elements.size() == 1) return Call::make(UInt(32), "to_tf32", elements, Call::PureExtern);
    const int count = static_cast<int>(elements.size());
    Expr vector = Shuffle::make_concat(elements);
    const Load *first = elements[0].as<Load>();
    bool dense = first != nullptr;
    for (int i = 1; i < count && dense; ++i) {
        const Load *load = elements[i].as<Load>();
        dense = load != nullptr && load->name == first->name &&
                is_const(simplify(load->index - first->index), i);
    }
    if (dense)
        vector = Load::make(type.with_lanes(count), first->name, Ramp::make(first->index, 1, count),
                            first->image, first->param, const_true(count), ModulusRemainder());
    return Call::make(UInt(32), kRegister, {vector}, Call::PureExtern);
}

class Tensorize : public IRMutator {
    using IRMutator::visit;

    Stmt visit(const LetStmt *op) override {
        lets_[op->name] = op->value;
        // Code motion takes lets out of the guard that says which thread they are of.
        const Expr value = substitute(of_thread_, op->value);
        if (!lane_.empty() && expr_uses_var(value, lane_)) of_thread_[op->name] = value;
        return IRMutator::visit(op);
    }

    Stmt visit(const Allocate *op) override {
        if (op->memory_type == MemoryType::GPUShared) shared_.insert(op->name);
        return IRMutator::visit(op);
    }

    Stmt visit(const IfThenElse *op) override {
        if (!has_mma_loop(op->then_case)) return IRMutator::visit(op);
        const Expr condition = substitute(of_thread_, op->condition);
        const Expr rest = warp_ ? simplify(condition) : without_guard(condition);
        if (!rest.defined()) return IRMutator::visit(op);
        const bool before = warp_;
        warp_ = true;
        const Stmt body = mutate(as_first_lane(op->then_case));
        const Stmt other = op->else_case.defined() ? mutate(op->else_case) : Stmt();
        warp_ = before;
        return is_const_one(rest) ? body : IfThenElse::make(rest, body, other);
    }
    Expr as_first_lane(const Expr &e) const { return simplify(substitute(lane_, Expr(0), e)); }
    Stmt as_first_lane(const Stmt &s) const {
        return substitute(lane_, Expr(0), substitute(of_thread_, s));
    }
    /// The condition without "the lane is the first one"; undefined if it does not say so.
    Expr without_guard(const Expr &condition) const {
        if (const And *both = condition.as<And>()) {
            const Expr a = without_guard(both->a), b = without_guard(both->b);
            if (a.defined()) return as_first_lane(a && both->b);
            return b.defined() ? as_first_lane(both->a && b) : b;
        }
        const LT *less = condition.as<LT>();
        const Variable *v = less != nullptr ? less->a.as<Variable>() : nullptr;
        return v != nullptr && v->name == lane_ && is_const_one(less->b) ? const_true() : Expr();
    }

    Stmt visit(const For *op) override {
        if (op->for_type == ForType::GPUThread && ends_with(op->name, "thread_id_x")) {
            lane_ = op->name;
            lanes_ = op->extent;
        }
        if (mma_axis(op->name) == 0) return IRMutator::visit(op);
        _halide_user_assert(!lane_.empty() && is_const(lanes_, kLanes))
            << "tensorize_mma: the threads along x are " << (lane_.empty() ? Expr(1) : lanes_)
            << " and not the 32 lanes of a warp; copy with gpu_threads of extent 32 there\n";
        _halide_user_assert(warp_)
            << "tensorize_mma: the loop " << op->name
            << " runs in each lane of a warp; the gpu_threads along x of its "
               "stage must have the extent 1\n";
        const MmaNest nest(op, lets_);
        return nest.has('k') ? product(nest) : elements(nest);
    }

    /// Row and column of accumulator e of a lane, element p of register r of a factor.
    Expr group() const { return Variable::make(Int(32), lane_) / 4; }
    Expr t() const { return Variable::make(Int(32), lane_) % 4; }
    Expr row(int e) const { return group() + 8 * (e / 2); }
    Expr column(int e) const { return t() * 2 + e % 2; }

    /// Two stores side by side, perhaps under one condition, as one; undefined where they are none.
    static Stmt paired(const Stmt &left, const Stmt &right) {
        const IfThenElse *l = left.as<IfThenElse>(), *r = right.as<IfThenElse>();
        if (l != nullptr && r != nullptr && equal(l->condition, r->condition) &&
            !l->else_case.defined() && !r->else_case.defined()) {
            const Stmt both = paired(l->then_case, r->then_case);
            return both.defined() ? IfThenElse::make(l->condition, both) : both;
        }
        const Store *a = left.as<Store>(), *b = right.as<Store>();
        if (a == nullptr || b == nullptr || !is_const_one(simplify(b->index - a->index))) return {};
        return Store::make(a->name, Shuffle::make_concat({a->value, b->value}),
                           Ramp::make(a->index, 1, 2), a->param, const_true(2), ModulusRemainder());
    }

    /// What a lane does of an elementwise nest; pairs of stores side by side are one.
    Stmt elements(const MmaNest &nest) const {
        std::vector<Stmt> stores;
        for (int half = 0; half < 2; ++half) {
            const Stmt left = nest.at(row(2 * half), column(2 * half), Expr()),
                       right = nest.at(row(2 * half), column(2 * half + 1), Expr());
            const Stmt both = paired(left, right);
            if (both.defined()) {
                stores.push_back(both);
            } else {
                stores.push_back(left);
                stores.push_back(right);
            }
        }
        return Block::make(stores);
    }

    Stmt product(const MmaNest &nest) const {
        const MultiplyAdd p = nest.product();
        MultiplyAdd factors = p;
        factors.a = narrow(p.a), factors.b = narrow(p.b);
        const Shape &shape = shape_of(nest, factors);
        const int per = shape.per_register;
        const auto at = [&](const Expr &e, const Expr &m, const Expr &n, const Expr &k) {
            return simplify(nest.at(e, m, n, k));
        };
        const Expr nowhere = 0;
        std::vector<Expr> accumulators;
        for (int e = 0; e < 4; ++e)
            accumulators.push_back(at(p.store->index, row(e), column(e), nowhere));
        const Expr index = Shuffle::make_concat(accumulators);
        const Type sums = shape.sum.with_lanes(4);
        std::vector<Expr> arguments = {Load::make(sums, p.store->name, index, Buffer<>(),
                                                  Parameter(), const_true(4), ModulusRemainder())};
        const auto a = [&](const Expr &m, const Expr &k) { return at(factors.a, m, nowhere, k); };
        const auto b = [&](const Expr &n, const Expr &k) { return at(factors.b, nowhere, n, k); };
        const auto factor = [&](const auto &element, int count) {
            std::vector<Expr> registers;
            const Expr lane = Variable::make(Int(32), lane_);
            if (per == 2) registers = load_matrices({element, shared_, lets_}, lane, count);
            for (int r = 0; r < count && static_cast<int>(registers.size()) < count; ++r) {
                const int half = count == 4 ? r % 2 : 0, step = count == 4 ? r / 2 : r;
                std::vector<Expr> neighbours;
                for (int i = 0; i < per; ++i)
                    neighbours.push_back(
                        element(group() + 8 * half, t() * per + (i + 4 * per * step)));
                registers.push_back(packed(neighbours));
            }
            arguments.insert(arguments.end(), registers.begin(), registers.end());
        };
        factor(a, 4);
        factor(b, 2);
        return Store::make(p.store->name,
                           Call::make(sums, shape.function, arguments, Call::PureExtern), index,
                           p.store->param, const_true(4), ModulusRemainder());
    }

    std::string lane_;  // the loop of threads along x, and its extent
    Expr lanes_;
    bool warp_ = false;  // inside what a warp does as one
    std::map<std::string, Expr> lets_, of_thread_;
    std::set<std::string> shared_;  // memory of the block
};

}  // namespace

Stmt tensorize_mma(const Stmt &nest) {
    return has_mma_loop(nest) ? share_matrices(Tensorize().mutate(nest)) : nest;
}

const Call *mma_of(const Expr &e) {
    const Call *call = e.as<Call>();
    for (const Shape &s : kShapes)
        if (call != nullptr && call->name == s.function) return call;
    return nullptr;
}

bool is_register_of(const Call *op) { return op->name == kRegister; }

}  // namespace convwright
