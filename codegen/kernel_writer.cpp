// SPDX-License-Identifier: Apache-2.0
#include "codegen/kernel_writer.h"

#include "codegen/lanes.h"
#include "codegen/ldmatrix.h"
#include "codegen/tensorize_mma.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

// Written out lane by lane; NVRTC takes 0.45 s for the small matmul with loops and 0.32 s without.
constexpr int kFewLanes = 4;

}  // namespace

bool has_let(const Expr &e) {
    class Search : public IRVisitor {
    public:
        bool found = false;

    private:
        using IRVisitor::visit;
        void visit(const Let *) override { found = true; }
    } search;
    e.accept(&search);
    return search.found;
}

KernelWriter::KernelWriter(const KernelShape &shape, bool contract)
    : width(shape),
      scalar_(
          names, ranges, contract,
          [this](const std::string &name, const Expr &value) { define(name, value); },
          [this](const std::string &name) { end(name); }) {
    names.declare(kLane);
}

void KernelWriter::open(const std::string &text) {
    line(text + " {");
    ++depth_;
}

void KernelWriter::close() {
    --depth_;
    line("}");
}

void KernelWriter::reopen(const std::string &text) {
    --depth_;
    open("} " + text);
}

std::string KernelWriter::scalar(const Expr &e, int precedence) {
    return scalar_(lane_value(e), precedence);
}

void KernelWriter::define(const std::string &name, const Expr &value) {
    const Type t = value.type();
    const std::string text = t.is_vector() ? vector(value) : scalar(value);
    const std::string type = t.is_vector() ? vector_type(t) : type_text(t);
    const bool integer = t.is_scalar() && t.is_int_or_uint();
    ranges.push(name,
                integer ? constant_integer_bounds(value, ranges) : ConstantInterval::everything());
    width.know(name, value);
    line("const " + type + " " + names.declare(name) + " = " + text + ";");
}

void KernelWriter::end(const std::string &name) {
    names.end(name);
    ranges.pop(name);
    width.forget(name);
}

std::string KernelWriter::vector_type(Type t) const {
    return "vec<" + type_text(t) + ", " + std::to_string(t.lanes()) + ">";
}

std::string KernelWriter::address(const std::string &buffer, const Expr &base) {
    if (is_const_zero(base)) return names.of(buffer);
    return names.of(buffer) + " + " + scalar(base, ScalarText::kMultiply);
}

std::string KernelWriter::dense_load(const Load *op) {
    const Expr base = op->index.as<Ramp>()->base;
    const int bytes = width(op->name, op->type, base, op->alignment);
    return "load<" + std::to_string(op->type.lanes()) + ", " + std::to_string(bytes) + ">(" +
           address(op->name, base) + ")";
}

std::string KernelWriter::ldmatrix(const Call *op) {
    const Load *row = op->args[0].as<Load>();
    const Expr base = row->index.as<Ramp>()->base;
    const int bytes = row->type.bytes() * row->type.lanes();
    _halide_user_assert(width(row->name, row->type, base, row->alignment) == bytes)
        << "emit_cuda: rows of matrices in " << row->name << " at " << base
        << " are not aligned to 16 bytes; align_storage() the Func to multiples of 8\n";
    return op->name + "<" + std::to_string(op->type.lanes()) + ">(" + address(row->name, base) +
           ")";
}

std::string KernelWriter::vector(const Expr &e) {
    if (const Variable *v = e.as<Variable>()) return names.of(v->name);
    if (const Load *l = e.as<Load>(); l != nullptr && is_dense_load(l)) return dense_load(l);
    if (const Shuffle *s = e.as<Shuffle>()) return shuffle(s);
    if (const Call *mma = mma_of(e)) {
        std::string list = vector(mma->args[0]);
        for (size_t i = 1; i < mma->args.size(); ++i) list += ", " + scalar(mma->args[i]);
        return mma->name + "(" + list + ")";
    }
    if (const Call *matrices = ldmatrix_of(e)) return ldmatrix(matrices);
    const Expr one = lane_value(e);
    if (e.type().lanes() <= kFewLanes && !has_let(one)) return few_lanes(e.type(), one);
    const std::string name = names.declare("part");
    line(vector_type(e.type()) + " " + name + ";");
    lane_loop(e.type().lanes(), [&] { line(name + "[lane] = " + scalar_(one) + ";"); });
    return name;
}

std::string KernelWriter::few_lanes(Type t, const Expr &one) {
    std::string list;
    for (int i = 0; i < t.lanes(); ++i) {
        const Expr lane = simplify(substitute(kLane, Expr(i), one));
        list += (i == 0 ? "" : ", ") + scalar_(lane);
    }
    return vector_type(t) + "{{" + list + "}}";
}

std::string KernelWriter::shuffle(const Shuffle *op) {
    std::vector<std::string> elements;
    for (const Expr &v : op->vectors) {
        if (v.type().is_scalar()) {
            elements.push_back(scalar(v));
            continue;
        }
        const std::string name = names.of(hoist(v));
        for (int i = 0; i < v.type().lanes(); ++i)
            elements.push_back(name + "[" + std::to_string(i) + "]");
    }
    std::string list;
    for (const int i : op->indices) list += (list.empty() ? "" : ", ") + elements.at(i);
    return vector_type(op->type) + "{{" + list + "}}";
}

/// The Halide name of a constant that holds the vector, declared once per statement.
std::string KernelWriter::hoist(const Expr &e) {
    if (const Variable *v = e.as<Variable>()) return v->name;
    const auto known = hoisted_.find(e);
    if (known != hoisted_.end()) return known->second;
    const std::string whole = vector(e), name = ".vector" + std::to_string(vectors_++);
    line("const " + vector_type(e.type()) + " " + names.declare(name) + " = " + whole + ";");
    return hoisted_[e] = name;
}

Expr KernelWriter::lane_value(const Expr &e) {
    return Lanes(Variable::make(Int(32), kLane), [this](const Expr &v) { return hoist(v); })
        .mutate(e);
}

}  // namespace convwright
