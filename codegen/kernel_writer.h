// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <sstream>
#include <string>

#include "codegen/memory_text.h"
#include "codegen/names.h"
#include "codegen/scalar_text.h"

namespace convwright {

/// The lines of a kernel's body, and its expressions: scalars by ScalarText, vectors lane by lane.
/// What a statement needs in front of it (whole vectors, lets) is written when it is asked for.
class KernelWriter {
public:
    KernelWriter(const KernelShape &shape, bool contract);

    void line(const std::string &text) { lines_ << std::string(4 * depth_, ' ') << text << "\n"; }
    void open(const std::string &text);  ///< "text {", and further lines stand deeper
    void close();
    /// "text {" in place of the closing bracket: } else {
    void reopen(const std::string &text);
    std::string lines() const { return lines_.str(); }

    /// Begins a statement: vectors that were loaded for an earlier one may have changed.
    void statement() { hoisted_.clear(); }
    /// A constant of that Halide name, and what is known of it, from here on; ends with end().
    void define(const std::string &name, const Halide::Expr &value);
    void end(const std::string &name);

    std::string scalar(const Halide::Expr &e, int precedence = ScalarText::kLowest);
    /// A whole vector as an expression.
    std::string vector(const Halide::Expr &e);
    /// "buffer + base".
    std::string address(const std::string &buffer, const Halide::Expr &base);

    /// The value of one lane, to be printed inside lane_loop().
    Halide::Expr lane_value(const Halide::Expr &e);
    template<typename Body>
    void lane_loop(int lanes, Body body) {
        line("#pragma unroll");
        open("for (int lane = 0; lane < " + std::to_string(lanes) + "; ++lane)");
        ranges.push(kLane, Halide::Internal::ConstantInterval(0, lanes - 1));
        body();
        ranges.pop(kLane);
        close();
    }

    Names names;
    Ranges ranges;
    AccessWidth width;

private:
    static constexpr const char *kLane = ".lane";  // lane loops never nest

    std::string vector_type(Halide::Type t) const;
    std::string dense_load(const Halide::Internal::Load *op);
    std::string ldmatrix(const Halide::Internal::Call *op);
    std::string few_lanes(Halide::Type t, const Halide::Expr &one);
    std::string shuffle(const Halide::Internal::Shuffle *op);
    std::string hoist(const Halide::Expr &e);

    std::ostringstream lines_;
    int depth_ = 1;
    ScalarText scalar_;
    std::map<Halide::Expr, std::string, Halide::Internal::IRDeepCompare> hoisted_;
    int vectors_ = 0;
};

/// Whether an expression has a let, which needs a line in front.
bool has_let(const Halide::Expr &e);

}  // namespace convwright
