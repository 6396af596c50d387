// SPDX-License-Identifier: Apache-2.0
#include "autotune/explanation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "autotune/cpu_spaces.h"
#include "autotune/cuda_figures.h"
#include "autotune/cuda_tasks.h"
#include "autotune/texts.h"
#include "autotune/work.h"
#include "runtime/shipped_choices.h"

namespace convwright {
namespace {

constexpr size_t kFastest = 8;  // trials that an explanation lists

bool by_speed(const Record &a, const Record &b) {
    const bool a_ok = a.result.outcome == Outcome::kOk, b_ok = b.result.outcome == Outcome::kOk;
    return a_ok != b_ok ? a_ok : a.result.seconds < b.result.seconds;
}

/// "ok, 0.123 ms, spread 0.002 ms", or how it failed.
std::string outcome_of(const Result &result) {
    std::string text = outcome_name(result.outcome);
    if (result.seconds > 0)
        text += ", " + milliseconds(result.seconds) + ", spread " + milliseconds(result.spread);
    return result.reason.empty() ? text : text + ": " + result.reason;
}

std::string title(const Subject &subject) {
    return subject.problem + " pass " + std::to_string(subject.phase);
}

std::string cost_of(const Space &space, Point point) {
    const double cost = space.predicted(point);
    return std::isnan(cost) ? "not predicted" : with_unit(cost, "cycles predicted");
}

void show_finals(std::ostream &out, const Choice &choice, const Work *work) {
    for (const FinalTime &time : choice.finals) {
        out << "    " << time.role << ": " << milliseconds(time.seconds) << ", spread "
            << milliseconds(time.spread);
        if (time.cold_seconds > 0) out << ", cold " << milliseconds(time.cold_seconds);
        if (work != nullptr)
            out << ", " << with_unit(work->flops / time.seconds, "FLOP/s") << ", "
                << with_unit(work->bytes / time.seconds, "B/s");
        if (time.candidate != time.role) out << ", " << time.candidate;
        out << "\n";
    }
}

/// What the trials of one space said, by candidate.
std::map<std::string, Record> trials_of(Database &database, const SearchKey &key) {
    std::map<std::string, Record> trials;
    for (Record &record : database.records([&](const SearchKey &k) { return k == key; }))
        trials[record.candidate] = std::move(record);
    return trials;
}

/// Outcomes with their numbers, and the fastest trials.
void show_trials(std::ostream &out, const std::map<std::string, Record> &trials) {
    std::map<Outcome, int> counts;
    std::vector<Record> sorted;
    for (const auto &[candidate, record] : trials) {
        counts[record.result.outcome]++;
        sorted.push_back(record);
    }
    out << "  trials: " << trials.size();
    const char *separator = ", ";
    for (const auto &[outcome, count] : counts)
        out << separator << count << " " << outcome_name(outcome);
    out << "\n";
    std::stable_sort(sorted.begin(), sorted.end(), by_speed);
    for (size_t i = 0; i < std::min(kFastest, sorted.size()); i++)
        if (sorted[i].result.outcome == Outcome::kOk)
            out << "    " << milliseconds(sorted[i].result.seconds) << "  " << sorted[i].candidate
                << "\n";
}

/// What is known of the winner's registers.
void show_registers(std::ostream &out, const TuningTask &task, const std::string &candidate,
                    const std::string &artifact, const cuda::Device *gpu) {
    if (gpu == nullptr) {
        // Trials of what spills end as rejected, before any time is taken.
        if (!artifact.empty())
            out << "  registers: its inner loops keep no vector in memory, as its assembly says\n";
        return;
    }
    std::istringstream lines(cuda_figures(task.problem, candidate, artifact, *gpu));
    for (std::string line; std::getline(lines, line);) out << "  " << line << "\n";
}

/// The winner's place in the prediction, its registers, its neighbours.
void show_place(std::ostream &out, const TuningTask &task, const Space &space,
                const std::string &candidate, const std::map<std::string, Record> &trials,
                const cuda::Device *gpu) {
    const std::optional<Point> point = space.parse(candidate);
    if (!point || !space.is_legal(*point)) {
        out << "  It is no candidate of this version's space: tune the problem again.\n";
        return;
    }
    const std::vector<Point> ranked = space.ranked();
    const auto rank = std::find(ranked.begin(), ranked.end(), *point) - ranked.begin() + 1;
    out << "  prediction: " << cost_of(space, *point) << ", place " << rank << " of "
        << ranked.size() << " legal candidates of " << space.size() << "\n";
    if (candidate.find('/') == std::string::npos) return;
    const auto own = trials.find(candidate);
    show_registers(out, task, candidate, own == trials.end() ? "" : own->second.result.artifact,
                   gpu);
    const std::vector<Point> neighbours = space.neighbours(*point);
    out << "  neighbours, one step of one knob: " << neighbours.size() << "\n";
    for (const Point neighbour : neighbours) {
        const auto trial = trials.find(space.text(neighbour));
        out << "    " << space.text(neighbour) << ": " << cost_of(space, neighbour) << "; "
            << (trial == trials.end() ? "not tried" : outcome_of(trial->second.result)) << "\n";
    }
}

}  // namespace

std::string show_problem(Database &database, const std::string &problem, std::optional<int> phase) {
    const auto wanted = [&](const SearchKey &key) {
        return key.subject.problem == problem && (!phase || key.subject.phase == *phase);
    };
    std::vector<SearchKey> keys;
    const auto add = [&](const SearchKey &key) {
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    };
    const std::vector<Record> records = database.records(wanted);
    const std::vector<Choice> choices = database.choices(wanted);
    for (const Record &record : records) add(record.key);
    for (const Choice &choice : choices) add(choice.key);
    std::ostringstream out;
    for (const SearchKey &key : keys) {
        out << title(key.subject) << "\n  on " << key.environment.identity << "; "
            << key.environment.device << "\n  by " << key.environment.versions << ", space "
            << key.space << "\n";
        for (const Choice &choice : choices) {
            if (!(choice.key == key)) continue;
            out << "  choice of " << utc_time(choice.recorded) << ": " << choice.candidate << ", "
                << milliseconds(choice.seconds) << "\n    " << choice.reason << "\n";
            if (!choice.artifact.empty()) out << "    kernel " << choice.artifact << "\n";
            show_finals(out, choice, nullptr);
        }
        std::vector<Record> own;
        std::copy_if(records.begin(), records.end(), std::back_inserter(own),
                     [&](const Record &record) { return record.key == key; });
        std::stable_sort(own.begin(), own.end(), by_speed);
        out << "  trials: " << own.size() << "\n";
        for (const Record &record : own) {
            const Result &result = record.result;
            out << "    " << record.candidate << "\n      " << utc_time(record.recorded) << ", "
                << outcome_of(result);
            if (result.samples > 0) out << ", " << result.samples << " samples";
            if (!result.artifact.empty()) out << ", kernel " << result.artifact;
            out << "\n";
        }
    }
    return out.str();
}

std::string explain_choice(const TuningTask &task, Database *database,
                           const Environment &environment, const cuda::Device *gpu) {
    const Space space = space_on(gpu, task);
    const SearchKey key{task.subject, space.hash(), environment};
    const Work work = work_of(task.problem, task.subject.phase);
    std::ostringstream out;
    out << title(task.subject) << "\n  on " << environment.identity << "; " << environment.device
        << "\n  work: " << with_unit(work.flops, "FLOP") << ", at least "
        << with_unit(work.bytes, "B") << " to read and write\n";
    const std::optional<Choice> choice = database == nullptr ? std::nullopt : database->choice(key);
    if (choice) {
        out << "  chosen: " << choice->candidate << ", " << milliseconds(choice->seconds)
            << "\n    " << choice->reason << "\n  side by side:\n";
        show_finals(out, *choice, &work);
        if (!(choice->key.environment == environment))
            out << "  It was measured on " << choice->key.environment.device << " by "
                << choice->key.environment.versions
                << ": tune again for the times of this machine, its versions and threads.\n";
        const auto trials = trials_of(*database, choice->key);
        show_place(out, task, space, choice->candidate, trials, gpu);
        show_trials(out, trials);
    } else if (const ShippedChoice *shipped = find_shipped_choice(
                   environment.identity, task.subject.problem, task.subject.phase)) {
        out << "  chosen: " << shipped->candidate
            << ", by a table of the library; nothing was tuned here\n";
        show_place(out, task, space, std::string(shipped->candidate), {}, gpu);
    } else {
        const std::string untuned = untuned_on(gpu, task);
        const bool by_rule = task.problem.is_row_of_two() && task.kind.empty();
        out << "  not tuned on this device; "
            << (by_rule
                    ? "how it is computed then the operators decide: `convwright tune --explain` "
                      "says it"
                : untuned.empty() ? "without tuning runs PyTorch"
                                  : "without tuning runs " + untuned)
            << "\n";
        if (!untuned.empty()) show_place(out, task, space, untuned, {}, gpu);
        if (database != nullptr)
            if (const auto trials = trials_of(*database, key); !trials.empty())
                show_trials(out, trials);
    }
    for (const auto &[reason, count] : space.rejected())
        out << "  not legal: " << count << ", " << reason << "\n";
    return out.str();
}

std::string list_candidates(const Subject &subject, const Space &space, size_t most) {
    std::ostringstream out;
    out << title(subject) << ": " << space.legal().size() << " legal candidates of " << space.size()
        << "\n";
    const std::vector<Point> ranked = space.ranked();
    const size_t shown = most == 0 ? ranked.size() : std::min(most, ranked.size());
    for (size_t i = 0; i < shown; i++)
        out << "  " << space.text(ranked[i]) << "  " << cost_of(space, ranked[i]) << "\n";
    if (shown < ranked.size()) out << "  and " << ranked.size() - shown << " more\n";
    std::map<std::string, Point> examples;
    for (Point point = 0; point < space.size() && examples.size() < space.rejected().size();
         point++)
        if (const char *why = space.why_illegal(point)) examples.try_emplace(why, point);
    for (const auto &[reason, count] : space.rejected())
        out << "  rejected " << count << ": " << reason << ", such as "
            << space.text(examples.at(reason)) << "\n";
    return out.str();
}

}  // namespace convwright
