// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/kernel_table.h"
#include "runtime/operator_problem.h"

namespace convwright {

/// What tuning chose for one pass of a CPU problem or for all of it.
struct TunedPass {
    const ConvKernel *conv = nullptr;
    const WgradKernel *wgrad = nullptr;
    const WeightedSumKernel *weighted_sum = nullptr;
    const ProductKernel *product = nullptr;
    /// How it is computed, where the candidate says no more or is a kernel for two convolutions in a row: one of
    /// plain_kinds() or kFusedKind. Empty for kernels of one convolution.
    std::string kind;
    bool shipped = false;  ///< A table of the library named it, not this user's own tuning.
};

/// What stands behind the schedule of what was chosen: " (tuned)" or " (shipped)".
const char *tuned_mark(bool shipped) noexcept;
/// Behind that of what runs in the place of a kernel that was chosen and does not accept the call.
inline constexpr char kRefusedMark[] = " (the tuned kernel does not accept it)";

/// Whether tuned choices are used, as the environment variable CONVWRIGHT_TUNE says.
enum class TuneMode {
    kOff,     ///< "off": the cost model chooses, whatever was tuned or shipped.
    kCached,  ///< "cached", the default: what was tuned is used.
    kOn,  ///< "on": so it is here; the operators in Python search at the first call of a problem, too.
};

/// Throws std::runtime_error, naming the accepted values, if the variable has another. Read once.
TuneMode tune_mode();

/// tuned_subject() as it stands in records.
std::string tuned_subject_text(const OperatorProblem &problem);

/// Whether a candidate is one of plain_kinds().
bool is_plain_kind(const OperatorProblem &problem, int phase, const std::string &candidate);
/// The sentence that says that a candidate is none of the problem.
std::string unknown_choice(const OperatorProblem &problem, const std::string &candidate);

/// The file of the tuner's choices: beside the database that CONVWRIGHT_DB names, else in cache_folder(); empty if
/// there is no such place.
std::string tuned_choices_path();

/// Where kernels that were made by the tuner lie; empty if there is no place.
std::string made_kernels_folder();

/// The choice for pass `phase` of the problem, or for all of it, on this CPU: that of this process, else of the file, else of
/// the tables that the library was built with; nothing where there is none. A choice that cannot be used is none, and a
/// notice.
std::optional<TunedPass> tuned_pass(const OperatorProblem &problem, int phase);

/// The beginning of a notice: that `kernel`, which was chosen for this pass, does not accept it.
std::string refused_choice(const OperatorProblem &problem, int phase, const std::string &kernel);

/// Says by a notice that `kernel`, which was chosen for this pass, does not accept it and another one runs. Choices
/// are made for dense tensors: `dense` is whether these are.
void note_refused_choice(const ConvProblem &problem, int phase, const std::string &kernel,
                         bool dense);

/// Counts changes of choices in this process: plans made before the last one are out of date.
unsigned tuned_generation();

/// Reads the file again, as after tuning.
void reload_tuned_choices();

/// Whether choices, wherever they come from, are looked up from now on; at first they are.
void use_tuned_choices(bool use);

/// From now on this process takes `candidate` ("conv2d.avx512/lane:0", "pytorch") for this phase, whatever the file says:
/// a kernel on devices of its kind, anything else on CPUs and GPUs. `artifact` is the SHA-256 of its shared object,
/// on GPUs cuda::artifact_of(), where it has one. Empty: what the file says. Throws
/// std::runtime_error with one sentence, and changes nothing, if there is no such candidate.
void choose_in_process(const std::string &problem, int phase, const std::string &candidate,
                       const std::string &artifact);

/// What is wrong with the file or with choices that were asked for, one sentence each, the latest last.
std::vector<std::string> tuned_notices();

}  // namespace convwright
