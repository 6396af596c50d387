// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "autotune/evaluator.h"
#include "autotune/made_kernels.h"

namespace convwright {

/// What was seen of the machine in comparisons by Python until now.
struct Comparisons {
    double calmest_probe = 0;                  ///< As of Evaluator::calmest_probe().
    double seconds = 0, expected_seconds = 0;  ///< Of all that came to their end.

    /// How many times as long as expected they take: others may use the machine.
    double slowness() const { return expected_seconds > 0 ? seconds / expected_seconds : 1; }
};

/// What trials on this machine need beside the candidates.
struct Trials {
    Making making;
    std::shared_ptr<MadeKernels> made = std::make_shared<MadeKernels>();  ///< Of all copies.
    std::shared_ptr<Comparisons> seen = std::make_shared<Comparisons>();  ///< Likewise.
    std::optional<int> gpu = {};  ///< Number of the GPU that candidates are for. Nothing: the CPU.
    std::vector<std::string> worker;  ///< As of measure_apart().
    /// Command of a Python process that times candidates and PyTorch side by side through the operators
    /// (convwright._compare); empty: there is no PyTorch to compare with.
    std::vector<std::string> python;
    TimingPlan screening;       ///< Of each trial.
    TimingPlan finals;          ///< Of compare().
    double most_seconds = 120;  ///< Of measuring one candidate.
};

/// Makes trials on the CPU those on a GPU of this machine. Throws as gpu_facts().
void move_to_gpu(Trials &trials, int gpu);

/// Candidates of one phase of a problem. Kernels are made where the library has no such one, one of the batch on each
/// core; then, with nothing else running, each is verified and timed in a process of its own. Algorithms without knobs are timed through the operators, all of a batch in
/// turns in one Python process.
class TrialEvaluator : public Evaluator {
public:
    /// Comparisons call the operator on `called`, if given: a problem with the same kernels that another library may
    /// compute otherwise, at up to 1.4 times the speed (1x1 wgrad of 32x32 images instead of rows of all pixels).
    TrialEvaluator(const OperatorProblem &problem, int phase, Trials trials,
                   const std::optional<OperatorProblem> &called = {});

    void prepare(const std::vector<std::string> &candidates) override;

    Result evaluate(const std::string &candidate) override;
    std::vector<Contestant> compare(const std::vector<FinalTime> &contestants) override;
    double calmest_probe() const override { return trials_.seen->calmest_probe; }
    std::string why_compared_otherwise() const override { return why_compared_otherwise_; }

private:
    Result evaluate_algorithm(const std::string &candidate);
    /// Its entry in side_by_side_; null if it has none.
    const Contestant *timed_together(const std::string &candidate) const;
    /// Fills in times that a Python process measures; false if it failed. The slowest call is expected to take
    /// `call_seconds`; 0: nothing is known.
    bool ask_python(std::vector<Contestant> &times, double call_seconds = 0);
    /// Fills in times of kernels, each measured in a process of its own.
    void compare_apart(std::vector<Contestant> &times);
    /// The job of a candidate with a kernel, which is made if need be.
    std::variant<MeasureJob, Result> job_for(const std::string &candidate);
    Measured measure(const std::string &candidate, const TimingPlan &timing);
    /// Jobs of the batch behind this one whose kernels are still to be made, one for each core but the first.
    std::vector<MeasureJob> kernels_after(const std::string &candidate) const;

    OperatorProblem problem_, called_;
    int phase_;
    Trials trials_;
    std::map<std::string, std::string> artifacts_;   ///< By candidate.
    std::vector<std::string> algorithms_, kernels_;  ///< Of the batch.
    std::vector<Contestant> side_by_side_;           ///< What one Python process timed together.
    std::string python_failure_ = ".";               ///< The end of a sentence.
    std::string why_compared_otherwise_;
};

}  // namespace convwright
