// SPDX-License-Identifier: Apache-2.0
#include "runtime/tuned_choices.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "runtime/cache_folder.h"
#include "runtime/choice_store.h"
#include "runtime/cpu_identity.h"
#include "runtime/cuda/loaded_kernels.h"
#include "runtime/cuda/tuned_choices.h"
#include "runtime/in_quotes.h"
#include "runtime/loaded_kernels.h"

namespace convwright {
namespace {

using Resolved = std::variant<TunedPass, std::string>;

/// The library's kernel of a candidate, else the one that was made. Throws as parse_params().
template<typename Kernel, typename Load>
std::variant<const Kernel *, std::string> kernel_of(const std::vector<Kernel> &shipped,
                                                    const LoadableKernel &wanted, Load load) {
    if (const Kernel *kernel = shipped_kernel(shipped, wanted)) return kernel;
    return load(wanted);
}

/// A candidate of a problem as what computes it.
Resolved resolve(const OperatorProblem &problem, int phase, const std::string &candidate,
                 const std::string &artifact) {
    TunedPass pass;
    if (is_plain_kind(problem, phase, candidate)) {
        pass.kind = candidate;
        return pass;
    }
    const std::string unknown = unknown_choice(problem, candidate);
    std::optional<LoadableKernel> parsed = parse_candidate(problem, candidate);
    if (!parsed || phase == kWholeProblem) return unknown;
    LoadableKernel &kernel = *parsed;
    kernel.path = made_kernels_folder() + "/" + kernel.symbol + ".so";
    kernel.sha256 = artifact;
    // Shipped ones, too: a choice that was made for this process may come from anywhere.
    if (kernel.isa > host_isa())
        return "tuned choice " + in_quotes(candidate) + " for " + format_problem(problem) +
               " needs instructions that this CPU does not have; tune the problem here.";
    try {
        std::string why;
        const auto take = [&](auto found, auto &place) {
            if (auto *sentence = std::get_if<std::string>(&found)) {
                why = std::move(*sentence);
            } else {
                place = std::get<0>(found);
            }
        };
        if (problem.op == Operator::kWeightedSum) {
            take(kernel_of(weighted_sum_kernels(), kernel, load_weighted_sum_kernel),
                 pass.weighted_sum);
            pass.kind = kFusedKind;
        } else if (!problem.product.empty()) {
            take(kernel_of(product_kernels(), kernel, load_product_kernel), pass.product);
        } else if (problem.sizes.direction == Direction::kWgrad) {
            take(kernel_of(wgrad_kernels(), kernel, load_wgrad_kernel), pass.wgrad);
        } else {
            take(kernel_of(conv_kernels(), kernel, load_conv_kernel), pass.conv);
        }
        if (!why.empty()) return why;
    } catch (const std::invalid_argument &) {
        return unknown;
    }
    return pass;
}

TuneMode read_tune_mode() {
    const char *text = std::getenv("CONVWRIGHT_TUNE");
    const std::string value = text == nullptr || *text == '\0' ? "cached" : text;
    if (value == "off") return TuneMode::kOff;
    if (value == "cached") return TuneMode::kCached;
    if (value == "on") return TuneMode::kOn;
    throw std::runtime_error("CONVWRIGHT_TUNE is '" + value +
                             "'; accepted are off, cached and on.");
}

}  // namespace

TuneMode tune_mode() {
    static const TuneMode mode = read_tune_mode();
    return mode;
}

const char *tuned_mark(bool shipped) noexcept { return shipped ? " (shipped)" : " (tuned)"; }

std::string tuned_choices_path() {
    const char *named = std::getenv("CONVWRIGHT_DB");
    if (named != nullptr && *named != '\0') return tuned_table_beside(named);
    const std::string folder = cache_folder();
    return folder.empty() ? "" : tuned_table_beside(folder + "/tuning.db");
}

std::string made_kernels_folder() {
    const std::string folder = cache_folder();
    return folder.empty() ? "" : folder + "/kernels";
}

std::string tuned_subject_text(const OperatorProblem &problem) {
    return format_problem(tuned_subject(problem));
}

bool is_plain_kind(const OperatorProblem &problem, int phase, const std::string &candidate) {
    const std::vector<std::string> kinds = plain_kinds(problem, phase);
    return std::find(kinds.begin(), kinds.end(), candidate) != kinds.end();
}

std::string unknown_choice(const OperatorProblem &problem, const std::string &candidate) {
    return "tuned choice " + in_quotes(candidate) + " for " + format_problem(problem) +
           " is none that this version knows; tune the problem again.";
}

std::optional<TunedPass> tuned_pass(const OperatorProblem &problem, int phase) {
    if (tune_mode() == TuneMode::kOff) return std::nullopt;
    static const std::string identity = cpu_identity();
    return ChoiceStore::instance().find<TunedPass>(
        identity, tuned_subject_text(problem), phase, [&](const NamedChoice &choice) {
            return resolve(problem, phase, choice.candidate, choice.artifact);
        });
}

unsigned tuned_generation() { return ChoiceStore::instance().generation(); }
void reload_tuned_choices() { ChoiceStore::instance().reload(); }
void use_tuned_choices(bool use) { ChoiceStore::instance().use(use); }

void choose_in_process(const std::string &problem, int phase, const std::string &candidate,
                       const std::string &artifact) {
    const OperatorProblem parsed = parse_operator_problem(problem);
    const std::string subject = tuned_subject_text(parsed);
    ChoiceStore &store = ChoiceStore::instance();
    if (candidate.empty()) return store.drop(subject, phase);
    const bool plain = is_plain_kind(parsed, phase, candidate);
    const bool on_gpu = !plain && cuda::parse_candidate(parsed, candidate).has_value();
    std::string why;
    if (on_gpu) {
        const auto resolved = cuda::resolve_choice(parsed, phase, candidate, artifact);
        if (const auto *sentence = std::get_if<std::string>(&resolved)) why = *sentence;
    } else {
        const Resolved resolved = resolve(parsed, phase, candidate, artifact);
        if (const auto *sentence = std::get_if<std::string>(&resolved)) why = *sentence;
    }
    if (!why.empty()) throw std::runtime_error(why);
    store.keep(subject, phase, {candidate, artifact, false}, plain ? "" : on_gpu ? "gpu/" : "cpu/");
}

std::string refused_choice(const OperatorProblem &problem, int phase, const std::string &kernel) {
    return "tuned kernel '" + kernel + "' does not accept pass " + std::to_string(phase) + " of " +
           format_problem(problem);
}

void note_refused_choice(const ConvProblem &problem, int phase, const std::string &kernel,
                         bool dense) {
    ChoiceStore::instance().note(
        refused_choice(problem, phase, kernel) +
        (dense ? ", and another one runs; tune the problem again."
               : " on tensors that are not dense, and another one runs; make them contiguous."));
}

std::vector<std::string> tuned_notices() { return ChoiceStore::instance().notices(); }

}  // namespace convwright
