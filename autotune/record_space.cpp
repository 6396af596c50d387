// SPDX-License-Identifier: Apache-2.0
#include "autotune/record_space.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace convwright {
namespace {

/// What the file holds already, written anew without a line that was cut off; or the beginning of a recording.
Recording resume(const std::string &path, const Space &space, const Environment &environment) {
    Recording recording = Recording::of(space, environment);
    if (std::filesystem::exists(path)) {
        recording = read_recording_file(path);
        if (recording.key.subject != space.subject() || recording.key.space != space.hash() ||
            recording.key.environment != environment) {
            throw std::invalid_argument("'" + path +
                                        "' is a recording of another space or machine; name "
                                        "another file.");
        }
    }
    std::ofstream out(path + ".new");
    out << recording_header(recording) << "\n";
    for (const auto &[candidate, trial] : recording.trials)
        out << recording_line(candidate, trial) << "\n";
    out.close();
    if (!out) throw std::runtime_error("'" + path + ".new' cannot be written.");
    std::filesystem::rename(path + ".new", path);
    return recording;
}

}  // namespace

void record_space(const Space &space, const Environment &environment, Evaluator &evaluator,
                  const std::string &path, int64_t most,
                  const std::function<void(const std::string &line)> &tell) {
    const Recording known = resume(path, space, environment);
    std::ofstream out(path, std::ios::app);
    int64_t done = 0, tried = 0;
    for (const Point point : space.legal()) {
        done++;
        const std::string candidate = space.text(point);
        if (candidate == kPytorchKind || known.trials.contains(candidate)) continue;
        if (most > 0 && tried++ == most) break;
        Recording::Trial line{space.predicted(point), evaluator.evaluate(candidate)};
        line.result.artifact.clear();
        out << recording_line(candidate, line) << "\n" << std::flush;
        if (!out) throw std::runtime_error("'" + path + "' cannot be written.");
        char numbers[64];
        std::snprintf(numbers, sizeof numbers, "%lld/%zu %.6g s ", static_cast<long long>(done),
                      space.legal().size(), line.result.seconds);
        tell(numbers + candidate + " " + outcome_name(line.result.outcome) + " " +
             line.result.reason);
    }
}

}  // namespace convwright
