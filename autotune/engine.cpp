// SPDX-License-Identifier: Apache-2.0
#include "autotune/engine.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "autotune/database/tuned_table_writer.h"
#include "autotune/decide.h"

namespace convwright {
namespace {

// How often to look whether another process has finished a candidate.
constexpr std::chrono::milliseconds kLookAgain{20};

/// Drops the claim on a candidate unless its record did so: after an exception others may have it.
class ClaimGuard {
public:
    ClaimGuard(Database &database, const SearchKey &key, const std::string &candidate)
        : database_(database), key_(key), candidate_(candidate) {}
    ~ClaimGuard() {
        if (kept_) return;
        try {
            database_.drop_claim(key_, candidate_);
        } catch (const std::exception &) {  // the lease ends by itself
        }
    }
    ClaimGuard(const ClaimGuard &) = delete;
    ClaimGuard &operator=(const ClaimGuard &) = delete;
    void keep() { kept_ = true; }

private:
    Database &database_;
    const SearchKey &key_;
    const std::string &candidate_;
    bool kept_ = false;
};

/// The fastest trials that come to the final comparison, as far as they are so near to the first.
constexpr const char *kFinalists[] = {"winner", "second", "third"};
constexpr double kNear = 1.05;

/// Decides, records and publishes. `notice`: how the comparison was not as usual; empty: it was.
Choice record_choice(const std::vector<Contestant> &times, const std::string &notice,
                     const SearchKey &key, Database &database) {
    auto [winner, reason] = decide(times);
    if (!notice.empty()) reason += " " + notice;
    std::vector<FinalTime> worked;
    std::copy_if(times.begin(), times.end(), std::back_inserter(worked),
                 [](const FinalTime &t) { return t.seconds > 0; });
    const Choice choice{key,    winner.candidate, winner.artifact, winner.seconds,
                        reason, worked,           now_seconds()};
    database.choose(choice);
    publish_choices(database);
    return choice;
}

/// One search over its parts.
class Search {
public:
    Search(const Space &space, Strategy &strategy, Evaluator &evaluator, Database &database,
           const Environment &environment, const SearchOptions &options)
        : space_(space),
          strategy_(strategy),
          evaluator_(evaluator),
          database_(database),
          key_{space.subject(), space.hash(), environment},
          options_(options),
          stop_(options.stop) {}

    SearchReport run() {
        while (!stop_.done() && in_time()) {
            const std::vector<Point> batch = ask_batch();
            if (batch.empty()) break;
            try_batch(batch);
        }
        report_.trials = stop_.trials();
        choose();
        return report_;
    }

private:
    bool in_time() const { return !options_.out_of_time || !options_.out_of_time(); }

    std::vector<Point> ask_batch() {
        std::vector<Point> batch;
        const auto most = std::min<size_t>(options_.batch, static_cast<size_t>(stop_.left()));
        while (batch.size() < most) {
            const std::optional<Point> point = strategy_.ask();
            if (!point) break;
            batch.push_back(*point);
        }
        return batch;
    }

    /// Results of a batch in the order in which it was asked for, whoever measures what. Of one whose time was over what
    /// is known by then.
    void try_batch(const std::vector<Point> &batch) {
        std::vector<std::string> texts;
        std::vector<std::optional<Result>> results(batch.size());
        std::vector<std::string> open;
        for (const Point point : batch) texts.push_back(space_.text(point));
        for (size_t i = 0; i < batch.size(); i++) {
            if (take_known(texts[i], results[i])) continue;
            open.push_back(texts[i]);
        }
        if (!open.empty()) evaluator_.prepare(open);
        bool all = false;
        while (!all && in_time()) {
            all = true;
            bool progress = false;
            for (size_t i = 0; i < batch.size(); i++) {
                if (results[i]) continue;
                if (!in_time()) {
                    all = false;
                    break;
                }
                if (!try_one(texts[i], results[i])) {
                    all = false;  // another process has it: the others first
                } else {
                    progress = true;
                }
            }
            if (!all && !progress) std::this_thread::sleep_for(kLookAgain);
        }
        for (size_t i = 0; i < batch.size(); i++) {
            if (!results[i]) continue;
            strategy_.tell(batch[i], results[i]->cost());
            stop_.tell(results[i]->cost());
            if (results[i]->outcome == Outcome::kOk) {
                ok_.push_back({"winner", texts[i], results[i]->seconds, results[i]->spread});
            } else {
                failure_ = results[i]->reason;
            }
        }
    }

    bool take_known(const std::string &candidate, std::optional<Result> &result) {
        const std::optional<Record> record = database_.find(key_, candidate);
        if (!record) return false;
        result = record->result;
        report_.known++;
        if (options_.on_result) options_.on_result(candidate, *result, true);
        return true;
    }

    bool try_one(const std::string &candidate, std::optional<Result> &result) {
        switch (database_.try_claim(key_, candidate, options_.lease_seconds)) {
            case Claim::kRecorded:
                return take_known(candidate, result);
            case Claim::kOthers:
                return false;
            case Claim::kMine:
                break;
        }
        ClaimGuard claim(database_, key_, candidate);
        const Result measured = evaluator_.evaluate(candidate);
        const bool added = database_.add({key_, candidate, measured, now_seconds()});
        claim.keep();
        // Only if the lease ended before the trial did may another record be there: that one counts.
        if (!added) return take_known(candidate, result);
        result = measured;
        report_.measured++;
        if (options_.on_result) options_.on_result(candidate, measured, false);
        return true;
    }

    /// Whether the incumbent may be compared: its trial worked in this environment, where a choice of an earlier one
    /// was not verified. One that another process has just now is taken as it is.
    bool incumbent_works() {
        const std::string &incumbent = options_.incumbent;
        const std::optional<Point> point = space_.parse(incumbent);
        if (!point || !space_.is_legal(*point)) return false;
        // What runs without tuning is compared anyway.
        if (is_algorithm(incumbent) || incumbent == options_.default_candidate) return true;
        std::optional<Result> result;
        if (const std::optional<Record> record = database_.find(key_, incumbent)) {
            result = record->result;
        } else {
            evaluator_.prepare({incumbent});
            if (!try_one(incumbent, result)) return true;
        }
        return std::isfinite(result->cost());
    }

    std::string why_none_worked() const {
        if (space_.legal().empty()) return "It has no legal candidate.";
        if (report_.trials == 0) return "No candidate was tried.";
        if (!ok_.empty()) return "Candidates worked in their trials, and none did when compared.";
        return "None of its " + std::to_string(report_.trials) + " candidates worked" +
               (failure_.empty() ? "." : "; the last one: " + failure_);
    }

    void choose() {
        std::stable_sort(ok_.begin(), ok_.end(), [](const FinalTime &a, const FinalTime &b) {
            return a.seconds < b.seconds;
        });
        std::vector<FinalTime> contestants;
        const auto add = [&](const std::string &role, const std::string &candidate) {
            const std::optional<Point> point = space_.parse(candidate);
            if (!point || !space_.is_legal(*point)) return;
            for (const FinalTime &known : contestants) {
                if (known.candidate == candidate) return;
            }
            const std::optional<Record> record = database_.find(key_, candidate);
            contestants.push_back({role, candidate, record ? record->result.seconds : 0, 0});
        };
        // Each has its first role: decide() has to know what would run without this search.
        add("default", options_.default_candidate);
        if (incumbent_works()) add("incumbent", options_.incumbent);
        // Of trials that are so near to each other noise decides which was the fastest.
        for (size_t i = 0; i < std::min(std::size(kFinalists), ok_.size()); i++)
            if (ok_[i].seconds <= kNear * ok_[0].seconds) add(kFinalists[i], ok_[i].candidate);
        // Algorithms without knobs, PyTorch's among them, whatever their trials said.
        for (const SpaceKind &kind : space_.kinds())
            if (kind.knobs.empty()) add(kind.name, kind.name);
        if (contestants.empty()) {
            report_.notice = why_none_worked();
            return;
        }
        report_.compared = evaluator_.compare(contestants);
        report_.notice = evaluator_.why_compared_otherwise();
        if (!any_worked(report_.compared)) {
            if (report_.notice.empty()) report_.notice = why_none_worked();
            return;
        }
        if (is_default_unknown()) {
            report_.notice = "Nothing is chosen, for '" + options_.default_candidate +
                             "', which runs without tuning, could not be timed. " + report_.notice;
            if (report_.notice.back() == ' ') report_.notice.pop_back();
            return;
        }
        report_.choice = record_choice(report_.compared, report_.notice, key_, database_);
    }

    /// Whether nobody knows if what worked is faster than what runs without tuning, an algorithm that nothing here could
    /// time, and nothing was chosen before.
    bool is_default_unknown() const {
        bool unknown = false;
        for (const Contestant &time : report_.compared) {
            if (time.role == "incumbent" && time.seconds > 0) return false;
            unknown |= time.role == "default" && time.seconds <= 0 && is_algorithm(time.candidate);
        }
        return unknown;
    }

    const Space &space_;
    Strategy &strategy_;
    Evaluator &evaluator_;
    Database &database_;
    const SearchKey key_;
    const SearchOptions &options_;
    StopRule stop_;
    SearchReport report_;
    std::vector<FinalTime> ok_;
    std::string failure_;  ///< Reason of the last trial that failed.
};

}  // namespace

SearchReport search(const Space &space, Strategy &strategy, Evaluator &evaluator,
                    Database &database, const Environment &environment,
                    const SearchOptions &options) {
    return Search(space, strategy, evaluator, database, environment, options).run();
}

std::vector<Point> seeds_from(Database &database, const Space &space,
                              const Environment &environment, size_t most) {
    std::vector<Point> points;
    const SearchKey key{space.subject(), space.hash(), environment};
    for (const std::string &candidate : database.elsewhere(key, most)) {
        const std::optional<Point> point = space.parse(candidate);
        if (point && space.is_legal(*point)) points.push_back(*point);
    }
    return points;
}

std::optional<Choice> compare_again(std::vector<Contestant> &compared, const SearchKey &key,
                                    Evaluator &evaluator, Database &database) {
    const std::vector<Contestant> later =
        evaluator.compare(close_ones(compared, evaluator.calmest_probe()));
    if (!any_worked(later)) return std::nullopt;
    add_rounds(compared, later);
    return record_choice(compared, evaluator.why_compared_otherwise(), key, database);
}

}  // namespace convwright
