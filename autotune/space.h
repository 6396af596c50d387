// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schedules/knobs.h"

namespace convwright {

/// What a search is about: one pass of one problem, as text.
struct Subject {
    std::string problem;  ///< Problem string (runtime/operator_problem.h).
    int phase = 0;        ///< Which of the problem's passes (conv_passes()), or kWholeProblem.

    bool operator==(const Subject &) const = default;
};

/// One algorithm of a space: its knobs, and what is known of their values before any compile. Without
/// knobs it is one candidate, such as PyTorch's own convolution.
struct SpaceKind {
    struct KnobList {
        std::string name;
        std::vector<int> values;  ///< One step in the list is a neighbour.
    };
    std::string name;  ///< Letters, digits, '.', '_' and '-': "conv2d.avx512", "pytorch".
    int version = 1;   ///< Of what the knobs mean.
    std::vector<KnobList> knobs;
    /// Null if these values, one for each knob, are a schedule of the problem, else why not.
    std::function<const char *(const std::vector<int> &)> why_illegal;
    /// Cost of legal values: only the order of two of them is used. Empty: nothing is known.
    std::function<double(const std::vector<int> &)> predict;
};

/// Whether a candidate has no knobs: then it has no kernel of its own either, and is timed through the operators unless
/// has_job() (make_candidate.h).
inline bool is_algorithm(std::string_view candidate) {
    return candidate.find('/') == std::string_view::npos;
}

/// An algorithm that has no knobs and is always legal.
SpaceKind plain_kind(const std::string &name);
inline constexpr char kPytorchKind[] = "pytorch";

/// A candidate is known by its number, which counts all kinds and all knob values, legal or not. Numbers mean the
/// same candidate in every space with the same hash.
using Point = uint64_t;

/// The candidates of one subject, in a form that knows no params struct. Immutable.
class Space {
public:
    /// Throws std::invalid_argument, a mistake of the programmer, if two kinds have the same name, a
    /// list of values is empty, or there are more than 2^24 points to judge.
    Space(Subject subject, std::vector<SpaceKind> kinds);

    const Subject &subject() const { return subject_; }
    const std::vector<SpaceKind> &kinds() const { return kinds_; }

    /// All legal points, in ascending order.
    const std::vector<Point> &legal() const { return legal_; }
    /// How many points each reason rejects.
    const std::map<std::string, int64_t> &rejected() const { return rejected_; }
    bool is_legal(Point point) const;
    /// Null if legal, else why not. `point` is below size().
    const char *why_illegal(Point point) const;
    Point size() const { return size_; }

    /// Legal points with one knob one step away, in the order of the knobs, down before up.
    std::vector<Point> neighbours(Point point) const;

    /// "conv2d.avx512/lane:0,vec:2", for a kind without knobs its name.
    std::string text(Point point) const;
    /// Inverse of text(); nothing if the text is of no point, legal or not.
    std::optional<Point> parse(std::string_view text) const;

    int kind_of(Point point) const;
    /// Values of the knobs of the point's kind.
    std::vector<int> values(Point point) const;
    /// Predicted cost of a legal point; NaN where nothing is known.
    double predicted(Point point) const;
    /// Legal points by predicted cost; in front those of which nothing is known, of equals the first.
    std::vector<Point> ranked() const;

    /// 16 hexadecimal digits over names, versions, knobs and values: the same in every build, and
    /// other ones as soon as a stored candidate could mean something else. The subject is no part.
    const std::string &hash() const { return hash_; }

private:
    Point first(int kind) const { return firsts_[kind]; }
    void judge(size_t kind);

    Subject subject_;
    std::vector<SpaceKind> kinds_;
    std::vector<Point> firsts_;  ///< Number of each kind's first point.
    Point size_ = 0;
    std::vector<Point> legal_;
    std::map<std::string, int64_t> rejected_;
    std::string hash_;
};

/// The kind of a params struct. `why_illegal` and `predict` take the params. `knobs`: those of the struct, or fewer
/// of their values.
template<typename Params, typename WhyIllegal, typename Predict>
SpaceKind params_kind(const std::string &name, WhyIllegal why_illegal, Predict predict,
                      const std::vector<Knob<Params>> &knobs = Params::knobs()) {
    SpaceKind kind;
    kind.name = name;
    kind.version = Params::kVersion;
    for (const Knob<Params> &knob : knobs) kind.knobs.push_back({knob.name, knob.values});
    const auto params_of = [](const std::vector<int> &values) {
        Params params;
        size_t i = 0;
        for (const Knob<Params> &knob : Params::knobs()) params.*knob.member = values[i++];
        return params;
    };
    kind.why_illegal = [=](const std::vector<int> &v) { return why_illegal(params_of(v)); };
    kind.predict = [=](const std::vector<int> &v) -> double { return predict(params_of(v)); };
    return kind;
}

}  // namespace convwright
