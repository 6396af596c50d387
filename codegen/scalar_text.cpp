// SPDX-License-Identifier: Apache-2.0
#include "codegen/scalar_text.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

std::string type_text(Type type) {
    const Type t = type.element_of();
    if (t.is_bfloat()) return "bfloat16";
    if (t.is_float() && t.bits() == 16) return "float16";
    if (t.is_float() && t.bits() == 32) return "float";
    if (t.is_float() && t.bits() == 64) return "double";
    if (t.is_bool()) return "bool";
    if (t == Int(32)) return "int";
    _halide_user_assert(t.is_int_or_uint() && t.bits() >= 8 && t.bits() <= 64)
        << "emit_cuda: the type " << t << " has no CUDA form\n";
    return (t.is_uint() ? "uint" : "int") + std::to_string(t.bits()) + "_t";
}

std::string ScalarText::operator()(const Expr &e, int precedence) {
    e.accept(this);
    return precedence_ < precedence ? "(" + text_ + ")" : text_;
}

void ScalarText::set(std::string text, int precedence) {
    text_ = std::move(text);
    precedence_ = precedence;
}

void ScalarText::binary(const Expr &a, const char *op, const Expr &b, int precedence,
                        int operand_precedence) {
    const std::string left = (*this)(a, operand_precedence);
    const std::string right = (*this)(b, operand_precedence + 1);
    set(left + " " + op + " " + right, precedence);
}

void ScalarText::call(const std::string &function, const std::vector<Expr> &arguments) {
    std::string list;
    for (const Expr &a : arguments) list += (list.empty() ? "" : ", ") + (*this)(a);
    set(function + "(" + list + ")");
}

void ScalarText::arithmetic(const Expr &e, const Expr &a, const char *op, const Expr &b,
                            int precedence) {
    const Type t = e.type();
    _halide_user_assert(!t.is_float() || t.bits() >= 32)
        << "emit_cuda: " << t << " is a storage type; cast to float before computing " << e << "\n";
    binary(a, op, b, precedence, precedence);
    if (t.is_int_or_uint() && t.bits() < 32) {
        // Through unsigned: 65535 * 65535 would overflow the int of the promotion.
        if (t.is_uint() && *op == '*')
            text_ = "uint32_t(" + (*this)(a) + ") * " + (*this)(b, kUnary);
        set(type_text(t) + "(" + text_ + ")");
    }
}

void ScalarText::visit(const IntImm *op) {
    if (op->type.bits() == 64) return set(std::to_string(op->value) + "ll", kUnary);
    if (op->value == INT32_MIN) return set("(-2147483647 - 1)");
    set(std::to_string(op->value), op->value < 0 ? kUnary : kPrimary);
}

void ScalarText::visit(const UIntImm *op) {
    if (op->type.is_bool()) return set(op->value != 0 ? "true" : "false");
    set(std::to_string(op->value) + (op->type.bits() == 64 ? "ull" : "u"));
}

void ScalarText::visit(const FloatImm *op) {
    char text[64];
    if (op->type.bits() == 16) {
        // Its value is exact in float.
        const Expr exact = FloatImm::make(Float(32), op->value);
        return call(op->type.is_bfloat() ? "to_bfloat16" : "to_float16", {exact});
    }
    if (!std::isfinite(op->value)) {
        if (op->type.bits() == 32) {
            const auto value = static_cast<float>(op->value);
            uint32_t bits = 0;
            std::memcpy(&bits, &value, sizeof bits);
            std::snprintf(text, sizeof text, "bits_as<float>(0x%08xu)", bits);
        } else {
            uint64_t bits = 0;
            std::memcpy(&bits, &op->value, sizeof bits);
            std::snprintf(text, sizeof text, "bits_as<double>(uint64_t(0x%016llxull))",
                          static_cast<unsigned long long>(bits));
        }
        return set(text);
    }
    std::snprintf(text, sizeof text, op->type.bits() == 32 ? "%.9g" : "%.17g", op->value);
    std::string number = text;
    if (number.find_first_of(".e") == std::string::npos) number += ".0";
    set(number + (op->type.bits() == 32 ? "f" : ""), std::signbit(op->value) ? kUnary : kPrimary);
}

void ScalarText::visit(const StringImm *op) {
    _halide_user_error << "emit_cuda: a kernel has no texts: \"" << op->value << "\"\n";
}

void ScalarText::visit(const Cast *op) {
    const Type to = op->type, from = op->value.type();
    const auto small_float = [](Type t) { return t.is_float() && t.bits() == 16; };
    if (to == from) return op->value.accept(this);
    if (small_float(to) && from == Float(32)) {
        call("to_" + type_text(to), {op->value});
    } else if (small_float(from) && to == Float(32)) {
        call("to_float", {op->value});
    } else if (small_float(to) || small_float(from)) {
        Cast::make(to, Cast::make(Float(32), op->value)).accept(this);
    } else {
        call(type_text(to), {op->value});
    }
}

void ScalarText::visit(const Reinterpret *op) {
    const bool handle = op->type.is_handle() || op->value.type().is_handle();
    _halide_user_assert(!handle && op->type.bits() == op->value.type().bits())
        << "emit_cuda: " << Expr(op) << " has no CUDA form\n";
    call("bits_as<" + type_text(op->type) + ">",
         {op->value.type().is_int_or_uint() ? Cast::make(op->value.type(), op->value) : op->value});
}

void ScalarText::visit(const Variable *op) { set(names_.of(op->name)); }

bool ScalarText::fused(const Expr &a, const Expr &b, bool subtract) {
    if (!contract_ || !a.type().is_float() || a.type().bits() < 32) return false;
    const std::string fma = a.type().bits() == 32 ? "fmaf" : "fma";
    if (const Mul *m = b.as<Mul>()) {
        const std::string factor = subtract ? "-" + (*this)(m->a, kPrimary) : (*this)(m->a);
        const std::string other = (*this)(m->b), sum = (*this)(a);
        set(fma + "(" + factor + ", " + other + ", " + sum + ")");
        return true;
    }
    if (const Mul *m = a.as<Mul>()) {
        const std::string factor = (*this)(m->a), other = (*this)(m->b);
        const std::string sum = subtract ? "-" + (*this)(b, kPrimary) : (*this)(b);
        set(fma + "(" + factor + ", " + other + ", " + sum + ")");
        return true;
    }
    return false;
}

void ScalarText::visit(const Add *op) {
    if (fused(op->a, op->b, false)) return;
    const auto constant = as_const_int(op->b);
    if (constant && *constant < 0 && *constant > INT32_MIN)
        return arithmetic(op, op->a, "-", make_const(op->type, -*constant), kAdd);
    arithmetic(op, op->a, "+", op->b, kAdd);
}

void ScalarText::visit(const Sub *op) {
    if (!fused(op->a, op->b, true)) arithmetic(op, op->a, "-", op->b, kAdd);
}

void ScalarText::visit(const Mul *op) { arithmetic(op, op->a, "*", op->b, kMultiply); }

void ScalarText::divide(const Expr &a, const Expr &b, bool modulo) {
    const Type t = a.type();
    const auto divisor = as_const_int(b);
    if (t.is_uint()) {
        if (const auto d = as_const_uint(b); d && *d != 0)
            return binary(a, modulo ? "%" : "/", b, kMultiply, kMultiply);
        return call(modulo ? "mod_any" : "div_any", {a, b});
    }
    if (!divisor || *divisor <= 0 || *divisor > INT32_MAX)
        return call(modulo ? "mod_any" : "div_any", {a, b});
    if (const auto bits = is_const_power_of_two_integer(b)) {
        const std::string left = (*this)(a, kUnary);
        if (modulo) return set(left + " & " + std::to_string(*divisor - 1), 5);
        return set(left + " >> " + std::to_string(*bits), 8);
    }
    const ConstantInterval range = constant_integer_bounds(a, ranges_);
    const bool natural = t.bits() >= 32 && range.min_defined && range.min >= 0;
    call(std::string(modulo ? "mod" : "div") + (natural ? "_natural<" : "_floor<") +
             std::to_string(*divisor) + ">",
         {a});
}

void ScalarText::visit(const Div *op) {
    if (op->type.is_float()) return arithmetic(op, op->a, "/", op->b, kMultiply);
    divide(op->a, op->b, false);
}

void ScalarText::visit(const Mod *op) {
    _halide_user_assert(op->type.is_int_or_uint())
        << "emit_cuda: the modulo of floats in " << Expr(op) << " has no CUDA form\n";
    divide(op->a, op->b, true);
}

void ScalarText::visit(const Min *op) {
    call("smaller<" + type_text(op->type) + ">", {op->a, op->b});
}
void ScalarText::visit(const Max *op) {
    call("larger<" + type_text(op->type) + ">", {op->a, op->b});
}
void ScalarText::visit(const EQ *op) { binary(op->a, "==", op->b, kCompare, 8); }
void ScalarText::visit(const NE *op) { binary(op->a, "!=", op->b, kCompare, 8); }
void ScalarText::visit(const LT *op) { binary(op->a, "<", op->b, kCompare, 8); }
void ScalarText::visit(const LE *op) { binary(op->a, "<=", op->b, kCompare, 8); }
void ScalarText::visit(const GT *op) { binary(op->a, ">", op->b, kCompare, 8); }
void ScalarText::visit(const GE *op) { binary(op->a, ">=", op->b, kCompare, 8); }

// The operands of && are never || without brackets, and the reverse: compilers warn of both.
void ScalarText::visit(const And *op) {
    const auto operand = [&](const Expr &e) {
        return (*this)(e, e.as<And>() ? kLowest : kCompare);
    };
    const std::string left = operand(op->a), right = operand(op->b);
    set(left + " && " + right, 2);
}

void ScalarText::visit(const Or *op) {
    const auto operand = [&](const Expr &e) { return (*this)(e, e.as<Or>() ? kLowest : kCompare); };
    const std::string left = operand(op->a), right = operand(op->b);
    set(left + " || " + right, 1);
}

void ScalarText::visit(const Not *op) { set("!" + (*this)(op->a, kUnary), kUnary); }

void ScalarText::visit(const Select *op) {
    const std::string condition = (*this)(op->condition, 1), yes = (*this)(op->true_value, 1),
                      no = (*this)(op->false_value, 1);
    set(condition + " ? " + yes + " : " + no, kLowest);
}

void ScalarText::visit(const Load *op) {
    _halide_user_assert(is_const_one(op->predicate))
        << "emit_cuda: a predicated scalar load of " << op->name << " has no CUDA form\n";
    const std::string index = (*this)(op->index);
    set(names_.of(op->name) + "[" + index + "]");
}

void ScalarText::visit(const Let *op) {
    if (guards_ > 0) return substitute(op->name, op->value, op->body).accept(this);
    define_(op->name, op->value);
    op->body.accept(this);
    end_(op->name);
}

void ScalarText::visit(const Ramp *op) {
    _halide_internal_error << "emit_cuda: a vector where a scalar is due: " << Expr(op) << "\n";
}
void ScalarText::visit(const Broadcast *op) {
    _halide_internal_error << "emit_cuda: a vector where a scalar is due: " << Expr(op) << "\n";
}
void ScalarText::visit(const Shuffle *op) {
    _halide_internal_error << "emit_cuda: a vector where a scalar is due: " << Expr(op) << "\n";
}
void ScalarText::visit(const VectorReduce *op) {
    _halide_user_error << "emit_cuda: the reduction of a vector, " << Expr(op)
                       << ", has no CUDA form; do not vectorize a reduction\n";
}

}  // namespace convwright
