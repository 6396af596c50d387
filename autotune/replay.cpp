// SPDX-License-Identifier: Apache-2.0
#include "autotune/replay.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "autotune/bounded_json.h"
#include "autotune/bounded_lines.h"
#include "runtime/in_quotes.h"

namespace convwright {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "convwright_replay";
constexpr int kFormatVersion = 1;
constexpr size_t kMostKinds = 64;  // of a space; the largest has 5

/// "kind/knob:value,…" of a kind and values, as Space::text().
std::string candidate_text(const SpaceKind &kind, const std::vector<int> &values) {
    std::string text = kind.name;
    for (size_t i = 0; i < values.size(); i++) {
        text += (i == 0 ? "/" : ",") + kind.knobs[i].name + ":" + std::to_string(values[i]);
    }
    return text;
}

Recording header_from(const Json &j) {
    if (j.at(kFormat) != kFormatVersion) {
        throw std::invalid_argument("the file is of another version than 1");
    }
    Recording recording;
    recording.key = {{j.at("problem"), integer_at<int>(j, "phase")},
                     j.at("space"),
                     {j.at("identity"), j.at("device"), j.at("versions")}};
    if (const auto why = why_no_key(recording.key)) throw std::invalid_argument(*why);
    const Json &kinds = j.at("kinds");
    if (kinds.size() > kMostKinds) throw std::invalid_argument("it has more than 64 kinds");
    for (const Json &k : kinds) {
        SpaceKind kind;
        kind.name = k.at("name");
        kind.version = integer_at<int>(k, "version");
        for (const Json &knob : k.at("knobs")) {
            kind.knobs.push_back({knob.at("name"), {}});
            for (const Json &value : knob.at("values"))
                kind.knobs.back().values.push_back(integer_of<int>(value, "values"));
        }
        recording.kinds.push_back(std::move(kind));
    }
    if (Space(recording.key.subject, recording.kinds).hash() != recording.key.space) {
        throw std::invalid_argument("the knobs are not those of the space hash");
    }
    return recording;
}

void take_trial(const Json &j, const Space &all, Recording &recording) {
    const std::string candidate = j.at("candidate");
    if (!all.parse(candidate)) {
        throw std::invalid_argument(in_quotes(candidate) + " is no candidate of the space");
    }
    const auto outcome = parse_outcome(j.at("outcome").get<std::string>());
    if (!outcome) throw std::invalid_argument("the outcome is unknown");
    Recording::Trial trial;
    if (j.contains("predicted")) trial.predicted = j.at("predicted").get<double>();
    trial.result.outcome = *outcome;
    trial.result.seconds = j.value("seconds", 0.0);
    trial.result.spread = j.value("spread", 0.0);
    if (j.contains("samples")) trial.result.samples = integer_at<int>(j, "samples");
    trial.result.reason = j.value("reason", "");
    if (const char *why = why_no_result(trial.result)) throw std::invalid_argument(why);
    if (!recording.trials.emplace(candidate, trial).second) {
        throw std::invalid_argument(in_quotes(candidate) + " stands there twice");
    }
}

}  // namespace

Recording Recording::of(const Space &space, const Environment &environment) {
    Recording recording;
    recording.key = {space.subject(), space.hash(), environment};
    for (const SpaceKind &kind : space.kinds()) {
        recording.kinds.push_back({kind.name, kind.version, kind.knobs, nullptr, nullptr});
    }
    return recording;
}

Space Recording::space() const {
    std::vector<SpaceKind> judged = kinds;
    for (SpaceKind &kind : judged) {
        const auto trial_of = [this, plain = kind](const std::vector<int> &values) {
            return trials.find(candidate_text(plain, values));
        };
        kind.why_illegal = [this, trial_of](const std::vector<int> &values) -> const char * {
            return trial_of(values) == trials.end() ? "it was not recorded" : nullptr;
        };
        kind.predict = [trial_of](const std::vector<int> &values) {
            return trial_of(values)->second.predicted.value_or(
                std::numeric_limits<double>::quiet_NaN());
        };
    }
    return Space(key.subject, std::move(judged));
}

double Recording::best_seconds() const {
    double best = std::numeric_limits<double>::infinity();
    for (const auto &[candidate, trial] : trials) {
        if (trial.result.outcome == Outcome::kOk) best = std::min(best, trial.result.seconds);
    }
    return best;
}

Recording read_recording(std::istream &in, const std::string &name) {
    Recording recording;
    std::optional<Space> all;
    int64_t number = 0;
    for (std::string line; next_line(in, line);) {
        number++;
        const bool last = in.eof();  // no end of line: cut off, if it is no JSON
        if (line.empty()) continue;
        try {
            if (line.size() > kLongestLine) throw std::invalid_argument("the line is too long");
            const Json j = bounded_json<Json>(line);
            if (all) {
                take_trial(j, *all, recording);
            } else {
                recording = header_from(j);
                all.emplace(recording.key.subject, recording.kinds);
            }
        } catch (const std::exception &error) {
            const bool json = dynamic_cast<const Json::exception *>(&error) != nullptr;
            if (json && last && all) break;
            throw std::invalid_argument(
                "Recording '" + name + "', line " + std::to_string(number) + ": " +
                (json ? "a field is missing or of another type" : without_stop(error.what())) +
                "; give a file of recorded timings as it was written.");
        }
    }
    if (!all) {
        throw std::invalid_argument("Recording '" + name +
                                    "' is empty or cannot be read; give a file of recorded "
                                    "timings.");
    }
    return recording;
}

Recording read_recording_file(const std::string &path) {
    std::ifstream in(path);
    return read_recording(in, path);
}

std::string recording_header(const Recording &recording) {
    const SearchKey &key = recording.key;
    Json kinds = Json::array();
    for (const SpaceKind &kind : recording.kinds) {
        Json knobs = Json::array();
        for (const auto &knob : kind.knobs) {
            knobs.push_back({{"name", knob.name}, {"values", knob.values}});
        }
        kinds.push_back({{"name", kind.name}, {"version", kind.version}, {"knobs", knobs}});
    }
    return Json{{kFormat, kFormatVersion},
                {"problem", key.subject.problem},
                {"phase", key.subject.phase},
                {"space", key.space},
                {"identity", key.environment.identity},
                {"device", key.environment.device},
                {"versions", key.environment.versions},
                {"kinds", kinds}}
        .dump();
}

std::string recording_line(const std::string &candidate, const Recording::Trial &trial) {
    const Result &r = trial.result;
    Json j = {{"candidate", candidate}};
    if (trial.predicted) j["predicted"] = *trial.predicted;
    j["outcome"] = outcome_name(r.outcome);
    if (r.seconds != 0) j["seconds"] = r.seconds, j["spread"] = r.spread, j["samples"] = r.samples;
    if (!r.reason.empty()) j["reason"] = r.reason;
    return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result ReplayEvaluator::evaluate(const std::string &candidate) {
    evaluated_++;
    const auto trial = recording_.trials.find(candidate);
    if (trial == recording_.trials.end()) {
        return {Outcome::kRejected, 0, 0, 0, "The candidate was not recorded.", ""};
    }
    return trial->second.result;
}

std::vector<Contestant> ReplayEvaluator::compare(const std::vector<FinalTime> &contestants) {
    std::vector<Contestant> times;
    for (const FinalTime &contestant : contestants) {
        Contestant &time = times.emplace_back(Contestant{contestant});
        const auto trial = recording_.trials.find(time.candidate);
        const bool ok =
            trial != recording_.trials.end() && trial->second.result.outcome == Outcome::kOk;
        time.seconds = ok ? trial->second.result.seconds : 0;
        time.spread = ok ? trial->second.result.spread : 0;
    }
    return times;
}

}  // namespace convwright
