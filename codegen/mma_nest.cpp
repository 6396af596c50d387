// SPDX-License-Identifier: Apache-2.0
#include "codegen/mma_nest.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

char mma_axis(const std::string &loop) {
    std::string word = loop.substr(loop.rfind('.') + 1);
    word = word.substr(0, word.find('$'));
    return word == "mma_m" || word == "mma_n" || word == "mma_k" ? word.back() : '\0';
}

bool has_mma_loop(const Stmt &s) {
    class Search : public IRVisitor {
    public:
        bool found = false;

    private:
        using IRVisitor::visit;
        void visit(const For *op) override {
            found |= mma_axis(op->name) != 0;
            IRVisitor::visit(op);
        }
    } search;
    s.accept(&search);
    return search.found;
}

/// Takes the loops off, and puts lets into their places.
class MmaNest::Unwrap : public IRMutator {
public:
    Unwrap(MmaNest &nest, const std::map<std::string, Expr> &lets) : nest_(nest), lets_(lets) {}

private:
    using IRMutator::visit;
    Stmt visit(const For *op) override {
        const char axis = mma_axis(op->name);
        _halide_user_assert(axis != 0) << "tensorize_mma: the loop " << op->name
                                       << " is inside mma loops; put it outside of them\n";
        _halide_user_assert(op->for_type == ForType::Serial)
            << "tensorize_mma: the loop " << op->name << " is " << op->for_type
            << "; mma loops are serial\n";
        _halide_user_assert(nest_.loops_.emplace(axis, op->name).second)
            << "tensorize_mma: a nest has the loops " << nest_.loops_[axis] << " and " << op->name
            << "; unroll or split so that each mma loop comes once\n";
        const auto extent = as_const_int(op->extent);
        const int64_t whole = axis == 'm' ? 16 : axis == 'n' ? 8 : extent.value_or(0);
        if (axis == 'k') nest_.k_ = whole;
        if (is_const_zero(op->min) && extent && *extent == whole) return mutate(op->body);
        const Expr end = simplify(op->min + op->extent);
        const ConstantInterval last = constant_integer_bounds(over_lets(end)),
                               first = constant_integer_bounds(over_lets(op->min));
        _halide_user_assert(axis != 'k' && !extent && first.min_defined && first.min >= 0 &&
                            last.max_defined && last.max == whole)
            << "tensorize_mma: the loop " << op->name << " runs from " << over_lets(op->min)
            << " to " << over_lets(end) << ", not from 0 to "
            << (axis == 'k' ? "a constant" : std::to_string(whole)) << "\n";
        const Expr place = Variable::make(Int(32), op->name);
        return IfThenElse::make(place >= op->min && place < end, mutate(op->body));
    }
    Stmt visit(const LetStmt *op) override {
        return mutate(substitute(op->name, op->value, op->body));
    }
    Expr over_lets(Expr e) const {
        for (int i = 0; i < 16; ++i) e = substitute(lets_, e);
        return simplify(e);
    }
    MmaNest &nest_;
    const std::map<std::string, Expr> &lets_;
};

MmaNest::MmaNest(const Stmt &nest, const std::map<std::string, Expr> &lets)
    : first_(nest.as<For>()->name) {
    body_ = Unwrap(*this, lets).mutate(nest);
    for (const char axis : {'m', 'n'})
        _halide_user_assert(has(axis))
            << "tensorize_mma: the nest at " << first_ << " has no loop mma_" << axis << "\n";
}

std::map<std::string, Expr> MmaNest::places(const Expr &m, const Expr &n, const Expr &k) const {
    std::map<std::string, Expr> places;
    for (const auto &[axis, place] : {std::pair('m', m), std::pair('n', n), std::pair('k', k)})
        if (has(axis)) places[name(axis)] = place;
    return places;
}

Stmt MmaNest::at(const Expr &m, const Expr &n, const Expr &k) const {
    return simplify(substitute(places(m, n, k), body_));
}

Expr MmaNest::at(const Expr &e, const Expr &m, const Expr &n, const Expr &k) const {
    return substitute(places(m, n, k), e);
}

MultiplyAdd MmaNest::product() const {
    MultiplyAdd p;
    p.store = body_.as<Store>();
    const Add *sum = p.store != nullptr ? p.store->value.as<Add>() : nullptr;
    const Mul *mul = nullptr;
    const Load *accumulator = nullptr;
    for (const bool swapped : {false, true}) {
        if (sum == nullptr || mul != nullptr) continue;
        mul = (swapped ? sum->a : sum->b).as<Mul>();
        accumulator = (swapped ? sum->b : sum->a).as<Load>();
        if (accumulator == nullptr || accumulator->name != p.store->name) mul = nullptr;
    }
    _halide_user_assert(mul != nullptr && equal(accumulator->index, p.store->index) &&
                        !expr_uses_var(p.store->index, name('k')))
        << "tensorize_mma: the nest at " << first_
        << " does not add one product to an element of mma_m and mma_n, but does\n"
        << body_;
    p.a = mul->a, p.b = mul->b;
    if (expr_uses_var(p.a, name('n'))) std::swap(p.a, p.b);
    _halide_user_assert(!expr_uses_var(p.a, name('n')) && !expr_uses_var(p.b, name('m')))
        << "tensorize_mma: the factors " << p.a << " and " << p.b << " are not one over mma_m and "
        << "mma_k and one over mma_k and mma_n\n";
    return p;
}

}  // namespace convwright
