// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "autotune/database/records.h"

namespace convwright {

/// A candidate in the final comparison with its seconds in each round, the same rounds for all.
struct Contestant : FinalTime {
    std::vector<double> rounds = {};
    std::string artifact = {};  ///< As in Result; empty: none was timed.
    /// Seconds that a piece of work took around these rounds that is the same in all comparisons (convwright/_calm.py), the
    /// median; 0: not known. It says how much of the machine others left.
    double probe_seconds = 0;
};

/// Compiles, verifies and measures candidates of one subject. A failure of a candidate is a result; an exception
/// ends the search, and what was recorded stays.
class Evaluator {
public:
    virtual ~Evaluator() = default;

    /// These will be evaluated next, in this order, or by another process: compiling may begin.
    virtual void prepare(const std::vector<std::string> & /*candidates*/) {}

    virtual Result evaluate(const std::string &candidate) = 0;

    /// Times candidates that worked side by side, in turns, with more samples, caches warm and cold; in their order. One that
    /// fails now has seconds 0. Asked again it times again. `contestants` have the seconds of their trials, 0 where none
    /// is known.
    virtual std::vector<Contestant> compare(const std::vector<FinalTime> &contestants) = 0;

    /// The shortest Contestant::probe_seconds of any comparison, whatever it was about; 0: none is known.
    virtual double calmest_probe() const { return 0; }

    /// Why the last compare() could not compare as it should have, one sentence; empty: it could.
    virtual std::string why_compared_otherwise() const { return ""; }
};

}  // namespace convwright
