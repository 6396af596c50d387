// SPDX-License-Identifier: Apache-2.0
#include "runtime/tuned_choices.h"

#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>

#include "runtime/cache_folder.h"
#include "runtime/cpu_identity.h"
#include "runtime/in_quotes.h"
#include "runtime/loaded_kernels.h"
#include "runtime/shipped_choices.h"
#include "runtime/tuned_table.h"

namespace convwright {
namespace {

constexpr size_t kMostNotices = 16;

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
    for (const std::string &kind : plain_kinds(problem, phase)) {
        if (candidate != kind) continue;
        pass.kind = kind;
        return pass;
    }
    const std::string unknown = "tuned choice " + in_quotes(candidate) + " for " +
                                format_problem(problem) +
                                " is none that this version knows; tune the problem again.";
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
            pass.kind = "fused";
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

std::string subject_text(const OperatorProblem &problem) {
    return format_problem(tuned_subject(problem));
}

/// The choices of this process.
class Choices {
public:
    static Choices &instance() {
        static auto *choices = new Choices;  // threads may outlive main()
        return *choices;
    }

    std::optional<TunedPass> find(const OperatorProblem &problem, int phase) {
        const std::string text = subject_text(problem);
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!used_) return std::nullopt;
        if (const auto own = own_.find({text, phase}); own != own_.end()) return own->second;
        read_once();
        static const std::string identity = cpu_identity();
        if (table_) {
            if (const auto choice = table_->find(identity, text, phase)) {
                auto pass = take(problem, phase, choice->candidate, choice->artifact);
                if (pass) return pass;
            }
        }
        const ShippedChoice *shipped = find_shipped_choice(identity, text, phase);
        if (shipped == nullptr) return std::nullopt;
        auto pass = take(problem, phase, shipped->candidate, "");
        if (pass) pass->shipped = true;
        return pass;
    }

    void choose(const std::string &problem, int phase, const std::string &candidate,
                const std::string &artifact) {
        const OperatorProblem parsed = parse_operator_problem(problem);
        std::optional<TunedPass> pass;
        if (!candidate.empty()) {
            Resolved resolved = resolve(parsed, phase, candidate, artifact);
            if (const auto *why = std::get_if<std::string>(&resolved))
                throw std::runtime_error(*why);
            pass = std::get<TunedPass>(resolved);
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        if (pass) {
            own_[{subject_text(parsed), phase}] = *pass;
        } else {
            own_.erase({subject_text(parsed), phase});
        }
        generation_++;
    }

    void reload() {
        const std::lock_guard<std::mutex> lock(mutex_);
        read_ = false;
        generation_++;
    }

    void use(bool use) {
        const std::lock_guard<std::mutex> lock(mutex_);
        used_ = use;
        generation_++;
    }

    unsigned generation() const { return generation_.load(std::memory_order_relaxed); }

    std::vector<std::string> notices() {
        const std::lock_guard<std::mutex> lock(mutex_);
        read_once();
        return notices_;
    }

    void add_notice(const std::string &sentence) {
        const std::lock_guard<std::mutex> lock(mutex_);
        note(sentence);
    }

private:
    /// Nothing, and a notice, for a choice that cannot be used.
    std::optional<TunedPass> take(const OperatorProblem &problem, int phase,
                                  std::string_view candidate, std::string_view artifact) {
        Resolved resolved = resolve(problem, phase, std::string(candidate), std::string(artifact));
        if (auto *pass = std::get_if<TunedPass>(&resolved)) return std::move(*pass);
        note(std::get<std::string>(resolved));
        return std::nullopt;
    }

    void read_once() {
        if (read_) return;
        read_ = true;
        table_.reset();
        const std::string path = tuned_choices_path();
        struct stat status;
        // Nothing was tuned yet.
        if (path.empty() || (stat(path.c_str(), &status) != 0 && errno == ENOENT)) return;
        auto table = TunedTable::read(path);
        if (auto *why = std::get_if<std::string>(&table)) return note(*why);
        table_.emplace(std::move(std::get<TunedTable>(table)));
    }

    void note(const std::string &sentence) {
        for (const std::string &known : notices_)
            if (known == sentence) return;
        if (notices_.size() == kMostNotices) notices_.erase(notices_.begin());
        notices_.push_back(sentence);
    }

    std::mutex mutex_;
    bool used_ = true, read_ = false;
    std::optional<TunedTable> table_;
    std::map<std::pair<std::string, int>, TunedPass> own_;
    std::vector<std::string> notices_;
    std::atomic<unsigned> generation_{0};
};

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

std::optional<TunedPass> tuned_pass(const OperatorProblem &problem, int phase) {
    if (tune_mode() == TuneMode::kOff) return std::nullopt;
    return Choices::instance().find(problem, phase);
}

unsigned tuned_generation() { return Choices::instance().generation(); }
void reload_tuned_choices() { Choices::instance().reload(); }
void use_tuned_choices(bool use) { Choices::instance().use(use); }

void choose_in_process(const std::string &problem, int phase, const std::string &candidate,
                       const std::string &artifact) {
    Choices::instance().choose(problem, phase, candidate, artifact);
}

void note_refused_choice(const ConvProblem &problem, int phase, const std::string &kernel,
                         bool dense) {
    Choices::instance().add_notice(
        "tuned kernel '" + kernel + "' does not accept pass " + std::to_string(phase) + " of " +
        format_problem(problem) +
        (dense ? ", and another one runs; tune the problem again."
               : " on tensors that are not dense, and another one runs; make them contiguous."));
}

std::vector<std::string> tuned_notices() { return Choices::instance().notices(); }

}  // namespace convwright
