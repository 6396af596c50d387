// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <functional>
#include <string>

namespace convwright {

/// The value of one lane of a vector expression, as a scalar expression in `lane`; what holds for
/// scalars (division, contraction, narrow types) is so printed by one place. A vector that must
/// exist as a whole (a dense load, a shuffle) is handed to `hoist`, which returns the Halide name of
/// a variable that holds it; its lanes are then loads from that name.
class Lanes : public Halide::Internal::IRMutator {
public:
    Lanes(Halide::Expr lane, std::function<std::string(const Halide::Expr &vector)> hoist)
        : lane_(std::move(lane)), hoist_(std::move(hoist)) {}

private:
    using IRMutator::visit;
    Halide::Expr element_of(const std::string &name, Halide::Type type);
    Halide::Expr at(const Halide::Expr &vector, const Halide::Expr &lane);

    Halide::Expr visit(const Halide::Internal::Variable *op) override;
    Halide::Expr visit(const Halide::Internal::Broadcast *op) override;
    Halide::Expr visit(const Halide::Internal::Ramp *op) override;
    Halide::Expr visit(const Halide::Internal::Load *op) override;
    Halide::Expr visit(const Halide::Internal::Cast *op) override;
    Halide::Expr visit(const Halide::Internal::Reinterpret *op) override;
    Halide::Expr visit(const Halide::Internal::Call *op) override;
    Halide::Expr visit(const Halide::Internal::Shuffle *op) override;
    Halide::Expr visit(const Halide::Internal::VectorReduce *op) override;
    Halide::Expr visit(const Halide::Internal::Let *op) override;

    Halide::Expr lane_;
    std::function<std::string(const Halide::Expr &)> hoist_;
    int guards_ = 0;
};

/// True for a load of neighbours, each lane of which is wanted.
bool is_dense_load(const Halide::Internal::Load *load);

}  // namespace convwright
