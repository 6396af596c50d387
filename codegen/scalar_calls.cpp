// SPDX-License-Identifier: Apache-2.0
// Calls and intrinsics: the CUDA form of each one that has one.
#include <map>

#include "codegen/scalar_text.h"
#include "codegen/tensorize_mma.h"

namespace convwright {

using namespace Halide;
using namespace Halide::Internal;

namespace {

/// float32 functions of Halide and their CUDA names. All are the precise forms.
const std::map<std::string, std::string> &math_functions() {
    static const std::map<std::string, std::string> table = {
        {"abs_f32", "fabsf"},         {"sqrt_f32", "sqrtf"},   {"floor_f32", "floorf"},
        {"ceil_f32", "ceilf"},        {"trunc_f32", "truncf"}, {"round_f32", "rintf"},
        {"exp_f32", "expf"},          {"log_f32", "logf"},     {"pow_f32", "powf"},
        {"sin_f32", "sinf"},          {"cos_f32", "cosf"},     {"tan_f32", "tanf"},
        {"asin_f32", "asinf"},        {"acos_f32", "acosf"},   {"atan_f32", "atanf"},
        {"atan2_f32", "atan2f"},      {"sinh_f32", "sinhf"},   {"cosh_f32", "coshf"},
        {"tanh_f32", "tanhf"},        {"is_nan_f32", "isnan"}, {"is_inf_f32", "isinf"},
        {"is_finite_f32", "isfinite"}};
    return table;
}

}  // namespace

void ScalarText::shift(const Call *op, bool left) {
    // A negative count shifts the other way in Halide.
    const ConstantInterval count = constant_integer_bounds(op->args[1], ranges_);
    _halide_user_assert(op->args[1].type().is_uint() || (count.min_defined && count.min >= 0))
        << "emit_cuda: the shift in " << Expr(op)
        << " could be by a negative count; make the count unsigned\n";
    const std::string value = (*this)(op->args[0], kUnary), by = (*this)(op->args[1], kUnary);
    // Signed values to the left through unsigned: bits leave at the top.
    const Type t = op->type;
    if (left && t.is_int())
        set(type_text(t) + "(" + type_text(t.with_code(Type::UInt)) + "(" + value + ") << " + by +
            ")");
    else if (t.bits() < 32)
        set(type_text(t) + "(" + value + (left ? " << " : " >> ") + by + ")");
    else
        set(value + (left ? " << " : " >> ") + by, 8);
}

void ScalarText::visit(const Call *op) {
    const std::vector<Expr> &a = op->args;
    const Type t = op->type;
    const auto found = math_functions().find(op->name);
    if (op->is_extern() && found != math_functions().end()) return call(found->second, a);
    if (op->name == "to_tf32") return call(op->name, a);
    // For Generators: Call::make(UInt(32), "dot_s8", {sum, a, b}, Call::PureExtern).
    if (op->name == "dot_s8" || op->name == "dot_u8") return call(op->name, a);
    if (is_register_of(op)) return call("bits_as<uint32_t>", a);
    if (op->is_intrinsic({Call::likely, Call::likely_if_innermost, Call::promise_clamped,
                          Call::unsafe_promise_clamped}))
        return a[0].accept(this);
    if (op->is_intrinsic(Call::bitwise_and)) return binary(a[0], "&", a[1], 5, kUnary);
    if (op->is_intrinsic(Call::bitwise_or)) return binary(a[0], "|", a[1], 3, kUnary);
    if (op->is_intrinsic(Call::bitwise_xor)) return binary(a[0], "^", a[1], 4, kUnary);
    if (op->is_intrinsic(Call::bitwise_not))
        return set(type_text(t) + (t.is_bool() ? "(!" : "(~") + (*this)(a[0], kUnary) + ")");
    if (op->is_intrinsic(Call::shift_left)) return shift(op, true);
    if (op->is_intrinsic(Call::shift_right)) return shift(op, false);
    if (op->is_intrinsic(Call::abs)) {
        if (t.is_float()) return call(t.bits() == 32 ? "fabsf" : "fabs", a);
        return Select::make(a[0] < 0, cast(t, -a[0]), cast(t, a[0])).accept(this);
    }
    if (op->is_intrinsic(Call::round) && t == Float(32)) return call("rintf", a);
    if (op->is_intrinsic(Call::if_then_else) && a.size() == 3) {
        ++guards_;  // what the branch guards must not be evaluated before it
        Select::make(a[0], a[1], a[2]).accept(this);
        --guards_;
        return;
    }
    if (op->is_intrinsic(Call::strict_add)) return call("strict_add", a);
    if (op->is_intrinsic(Call::strict_sub)) return call("strict_sub", a);
    if (op->is_intrinsic(Call::strict_mul)) return call("strict_mul", a);
    if (op->is_intrinsic(Call::strict_div)) return binary(a[0], "/", a[1], kMultiply, kMultiply);
    if (op->is_intrinsic(Call::strict_min)) return Min::make(a[0], a[1]).accept(this);
    if (op->is_intrinsic(Call::strict_max)) return Max::make(a[0], a[1]).accept(this);
    if (op->is_intrinsic(Call::strict_lt)) return LT::make(a[0], a[1]).accept(this);
    if (op->is_intrinsic(Call::strict_le)) return LE::make(a[0], a[1]).accept(this);
    if (op->is_intrinsic(Call::strict_eq)) return EQ::make(a[0], a[1]).accept(this);
    if (t.is_int_or_uint() && t.bits() == 32) {
        const std::vector<Expr> bits = {cast(UInt(32), a.empty() ? Expr(0) : a[0])};
        if (op->is_intrinsic(Call::popcount)) return call("count_ones", bits);
        if (op->is_intrinsic(Call::count_leading_zeros)) return call("leading_zeros", bits);
        if (op->is_intrinsic(Call::count_trailing_zeros)) return call("trailing_zeros", bits);
    }
    if (op->is_intrinsic(Call::mux)) return lower_mux(op).accept(this);
    if (op->is_intrinsic()) {
        const Expr lowered = lower_intrinsic(op);
        if (lowered.defined()) return lowered.accept(this);
    }
    _halide_user_error << "emit_cuda: the call of '" << op->name << "' on " << t << " in "
                       << Expr(op) << " has no CUDA form\n";
}

}  // namespace convwright
