// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <functional>
#include <string>

#include "codegen/names.h"

namespace convwright {

/// What is known about integer variables at a place of the kernel.
using Ranges = Halide::Internal::Scope<Halide::Internal::ConstantInterval>;

/// CUDA C++ for scalar Halide expressions. Float semantics are explicit: an addition of a product is
/// fmaf where `contract` allows it, and the text is to be compiled without any further contraction;
/// strict_float operations are never fused. Division and modulo of integers round as Halide's, as
/// shifts and masks or unsigned where the operands allow. What has no CUDA form is a compile error
/// that names it.
class ScalarText : public Halide::Internal::IRVisitor {
public:
    /// Names and ranges live on and grow as the statements declare more; `define` declares a constant
    /// in front of the statement that is being printed, `end` ends its name.
    ScalarText(Names &names, Ranges &ranges, bool contract,
               std::function<void(const std::string &, const Halide::Expr &)> define,
               std::function<void(const std::string &)> end)
        : names_(names),
          ranges_(ranges),
          contract_(contract),
          define_(std::move(define)),
          end_(std::move(end)) {}

    /// The text of an expression; in brackets if it binds less than `precedence`.
    std::string operator()(const Halide::Expr &e, int precedence = kLowest);

    static constexpr int kLowest = 0, kCompare = 6, kAdd = 9, kMultiply = 10, kUnary = 11,
                         kPrimary = 12;

private:
    using IRVisitor::visit;
    void set(std::string text, int precedence = kPrimary);
    void binary(const Halide::Expr &a, const char *op, const Halide::Expr &b, int precedence,
                int operand_precedence);
    /// As `binary`; results of 8 and 16 bits wrap, which C++'s promotion to int would not.
    void arithmetic(const Halide::Expr &e, const Halide::Expr &a, const char *op,
                    const Halide::Expr &b, int precedence);
    void call(const std::string &function, const std::vector<Halide::Expr> &arguments);
    bool fused(const Halide::Expr &a, const Halide::Expr &b, bool subtract);
    void divide(const Halide::Expr &a, const Halide::Expr &b, bool modulo);
    void shift(const Halide::Internal::Call *op, bool left);

    void visit(const Halide::Internal::IntImm *op) override;
    void visit(const Halide::Internal::UIntImm *op) override;
    void visit(const Halide::Internal::FloatImm *op) override;
    void visit(const Halide::Internal::StringImm *op) override;
    void visit(const Halide::Internal::Cast *op) override;
    void visit(const Halide::Internal::Reinterpret *op) override;
    void visit(const Halide::Internal::Variable *op) override;
    void visit(const Halide::Internal::Add *op) override;
    void visit(const Halide::Internal::Sub *op) override;
    void visit(const Halide::Internal::Mul *op) override;
    void visit(const Halide::Internal::Div *op) override;
    void visit(const Halide::Internal::Mod *op) override;
    void visit(const Halide::Internal::Min *op) override;
    void visit(const Halide::Internal::Max *op) override;
    void visit(const Halide::Internal::EQ *op) override;
    void visit(const Halide::Internal::NE *op) override;
    void visit(const Halide::Internal::LT *op) override;
    void visit(const Halide::Internal::LE *op) override;
    void visit(const Halide::Internal::GT *op) override;
    void visit(const Halide::Internal::GE *op) override;
    void visit(const Halide::Internal::And *op) override;
    void visit(const Halide::Internal::Or *op) override;
    void visit(const Halide::Internal::Not *op) override;
    void visit(const Halide::Internal::Select *op) override;
    void visit(const Halide::Internal::Load *op) override;
    void visit(const Halide::Internal::Ramp *op) override;
    void visit(const Halide::Internal::Broadcast *op) override;
    void visit(const Halide::Internal::Call *op) override;
    void visit(const Halide::Internal::Let *op) override;
    void visit(const Halide::Internal::Shuffle *op) override;
    void visit(const Halide::Internal::VectorReduce *op) override;

    Names &names_;
    Ranges &ranges_;
    const bool contract_;
    const std::function<void(const std::string &, const Halide::Expr &)> define_;
    const std::function<void(const std::string &)> end_;
    int guards_ = 0;  // branches around the expression that decide whether it may be evaluated
    std::string text_;
    int precedence_ = kPrimary;
};

/// The C++ name of an element type; a compile error for one that has none (handles, float8).
std::string type_text(Halide::Type type);

}  // namespace convwright
