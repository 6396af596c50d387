// SPDX-License-Identifier: Apache-2.0
#include "codegen/ldmatrix.h"

#include <map>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

constexpr int kSide = 8;         // elements of a row, of 16 bits
constexpr int kLetsOfLets = 16;  // more than are nested in each other
const char *const kPlain = "ldmatrix", *const kTransposed = "ldmatrix_transposed";

const Load *load_of(const Expr &element) {
    const Reinterpret *bits = element.as<Reinterpret>();
    return (bits != nullptr ? bits->value : element).as<Load>();
}

/// The row from an element on, if it is 16 aligned bytes.
Expr row_of(const Factor &factor, const Expr &across, const Expr &k, bool along_k) {
    const Expr start = factor.element(across, k);
    const Load *first = load_of(start);
    const bool is_element = first != nullptr && first->type.is_scalar() && first->type.bits() == 16;
    if (!is_element || factor.shared.count(first->name) == 0) return {};
    for (int i = 1; i < kSide; ++i) {
        const Expr next = along_k ? factor.element(across, k + i) : factor.element(across + i, k);
        const Load *load = load_of(next);
        if (load == nullptr || load->name != first->name ||
            !is_const(simplify(load->index - first->index), i))
            return {};
    }
    Expr whole = first->index;
    for (int i = 0; i < kLetsOfLets; ++i) whole = substitute(factor.lets, whole);
    const ModulusRemainder known = modulus_remainder(simplify(whole));
    if (known.modulus % kSide != 0 || known.remainder % kSide != 0) return {};
    return Load::make(first->type.with_lanes(kSide), first->name,
                      Ramp::make(first->index, 1, kSide), first->image, first->param,
                      const_true(kSide), ModulusRemainder());
}

/// Gives the loads of a row of statements names.
class Shared : public IRMutator {
public:
    std::vector<std::pair<std::string, Expr>> fresh;  ///< Since it was last emptied.

private:
    using IRMutator::visit;
    Expr visit(const Call *op) override {
        if (ldmatrix_of(op) == nullptr) return IRMutator::visit(op);
        std::string &name = names_[op];
        if (name.empty()) {
            name = unique_name("matrices");
            fresh.emplace_back(name, op);
        }
        return Variable::make(op->type, name);
    }
    std::map<Expr, std::string, IRDeepCompare> names_;
};

class ShareMatrices : public IRMutator {
    using IRMutator::visit;

    static void flatten(const Stmt &s, std::vector<Stmt> &row) {
        if (const Block *block = s.as<Block>()) {
            flatten(block->first, row);
            flatten(block->rest, row);
        } else {
            row.push_back(s);
        }
    }

    /// Stores of registers from `from` on; others may change what was loaded.
    Stmt visit(const Block *op) override {
        std::vector<Stmt> row;
        flatten(op, row);
        std::vector<Stmt> result;
        for (size_t i = 0; i < row.size();) {
            size_t end = i;
            while (end < row.size() && row[end].as<Store>() != nullptr) ++end;
            if (end == i) {
                result.push_back(mutate(row[i++]));
            } else {
                result.push_back(shared({row.begin() + i, row.begin() + end}));
                i = end;
            }
        }
        return Block::make(result);
    }
    Stmt visit(const Store *op) override { return shared({op}); }

    static Stmt shared(const std::vector<Stmt> &stores) {
        Shared loads;
        std::vector<std::pair<std::vector<std::pair<std::string, Expr>>, Stmt>> parts;
        for (const Stmt &store : stores) {
            const Stmt s = loads.mutate(store);
            parts.emplace_back(std::move(loads.fresh), s);
            loads.fresh.clear();
        }
        Stmt all;
        for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
            all = all.defined() ? Block::make(part->second, all) : part->second;
            for (auto let = part->first.rbegin(); let != part->first.rend(); ++let)
                all = LetStmt::make(let->first, let->second, all);
        }
        return all;
    }
};

}  // namespace

std::vector<Expr> load_matrices(const Factor &factor, const Expr &lane, int count) {
    // Row `line` of matrix number `matrix`: along k the second half of them, across it every second.
    const Expr matrix = lane / kSide, line = lane % kSide;
    const Expr across = count == 4 ? matrix % 2 * kSide : Expr(0);
    const Expr k = (count == 4 ? matrix / 2 : matrix % 2) * kSide;
    for (const bool along_k : {true, false}) {
        const Expr row = along_k ? row_of(factor, across + line, k, true)
                                 : row_of(factor, across, k + line, false);
        if (!row.defined()) continue;
        const Expr loaded =
            Call::make(UInt(32, count), along_k ? kPlain : kTransposed, {row}, Call::PureExtern);
        std::vector<Expr> registers;
        for (int r = 0; r < count; ++r)
            registers.push_back(Shuffle::make_extract_element(loaded, r));
        return registers;
    }
    return {};
}

const Call *ldmatrix_of(const Expr &e) {
    const Call *call = e.as<Call>();
    const bool is_one = call != nullptr && (call->name == kPlain || call->name == kTransposed);
    return is_one ? call : nullptr;
}

Stmt share_matrices(const Stmt &s) { return ShareMatrices().mutate(s); }

}  // namespace convwright
