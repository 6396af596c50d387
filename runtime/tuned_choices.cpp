// SPDX-License-Identifier: Apache-2.0
#include "runtime/tuned_choices.h"

#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>

#include "runtime/cache_folder.h"
#include "runtime/cost_model.h"
#include "runtime/cpu_identity.h"
#include "runtime/loaded_kernels.h"
#include "runtime/tuned_table.h"

namespace convwright {
namespace {

constexpr size_t kMostNotices = 16;

using Resolved = std::variant<TunedPass, std::string>;

/// A candidate of a problem as the kernel that computes it.
Resolved resolve(const ConvProblem &problem, const std::string &candidate,
                 const std::string &artifact) {
    TunedPass pass;
    if (candidate == "pytorch") {
        pass.pytorch = true;
        return pass;
    }
    const std::string unknown = "tuned choice '" + candidate + "' for " + format_problem(problem) +
                                " is none that this version knows; tune the problem again.";
    std::optional<LoadableKernel> parsed = parse_candidate(problem, candidate);
    if (!parsed) return unknown;
    LoadableKernel &kernel = *parsed;
    kernel.path = made_kernels_folder() + "/" + kernel.symbol + ".so";
    kernel.sha256 = artifact;
    // Shipped ones, too: a choice that was made for this process may come from anywhere.
    if (kernel.isa > host_isa())
        return "tuned choice '" + candidate + "' for " + format_problem(problem) +
               " needs instructions that this CPU does not have; tune the problem here.";
    try {
        if (problem.direction == Direction::kWgrad) {
            pass.wgrad = shipped_kernel(wgrad_kernels(), kernel);
            if (pass.wgrad != nullptr) return pass;
            auto loaded = load_wgrad_kernel(kernel);
            if (auto *why = std::get_if<std::string>(&loaded)) return std::move(*why);
            pass.wgrad = std::get<const WgradKernel *>(loaded);
        } else {
            pass.conv = shipped_kernel(conv_kernels(), kernel);
            if (pass.conv != nullptr) return pass;
            auto loaded = load_conv_kernel(kernel);
            if (auto *why = std::get_if<std::string>(&loaded)) return std::move(*why);
            pass.conv = std::get<const ConvKernel *>(loaded);
        }
    } catch (const std::invalid_argument &) {
        return unknown;
    }
    return pass;
}

std::string subject_text(const ConvProblem &problem) {
    return format_problem(tuned_subject(problem));
}

/// The choices of this process.
class Choices {
public:
    static Choices &instance() {
        static auto *choices = new Choices;  // threads may outlive main()
        return *choices;
    }

    std::optional<TunedPass> find(const ConvProblem &problem, int phase) {
        const std::string text = subject_text(problem);
        const std::lock_guard<std::mutex> lock(mutex_);
        if (const auto own = own_.find({text, phase}); own != own_.end()) return own->second;
        read_once();
        if (!table_) return std::nullopt;
        static const std::string identity = cpu_identity();
        const auto choice = table_->find(identity, text, phase);
        if (!choice) return std::nullopt;
        Resolved resolved =
            resolve(problem, std::string(choice->candidate), std::string(choice->artifact));
        if (const auto *why = std::get_if<std::string>(&resolved)) {
            note(*why);
            return std::nullopt;
        }
        return std::get<TunedPass>(resolved);
    }

    void choose(const std::string &problem, int phase, const std::string &candidate,
                const std::string &artifact) {
        const ConvProblem parsed = parse_problem(problem);
        std::optional<TunedPass> pass;
        if (!candidate.empty()) {
            Resolved resolved = resolve(parsed, candidate, artifact);
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
    void read_once() {
        if (read_) return;
        read_ = true;
        table_.reset();
        const std::string path = tuned_choices_path();
        struct stat status;
        // Nothing was tuned yet.
        if (path.empty() || stat(path.c_str(), &status) != 0) return;
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
    bool read_ = false;
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
    throw std::runtime_error("CONVWRIGHT_TUNE is '" + value + "'; accepted are off and cached.");
}

}  // namespace

TuneMode tune_mode() {
    static const TuneMode mode = read_tune_mode();
    return mode;
}

ConvProblem tuned_subject(const ConvProblem &problem) {
    return problem.direction == Direction::kWgrad ? with_long_rows(problem) : problem;
}

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

std::optional<TunedPass> tuned_pass(const ConvProblem &problem, int phase) {
    if (tune_mode() == TuneMode::kOff) return std::nullopt;
    return Choices::instance().find(problem, phase);
}

unsigned tuned_generation() { return Choices::instance().generation(); }
void reload_tuned_choices() { Choices::instance().reload(); }

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
