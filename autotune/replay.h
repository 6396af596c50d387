// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <map>
#include <optional>
#include <string>

#include "autotune/evaluator.h"

namespace convwright {

/// Recorded trials of one space, from a device or a formula: enough to search again without either.
/// As a file, JSON lines: a header with subject, environment, space hash and the knobs of every kind,
/// then a line for each candidate with its predicted cost and its result.
struct Recording {
    struct Trial {
        std::optional<double> predicted;
        Result result;
    };
    SearchKey key;
    std::vector<SpaceKind> kinds;  ///< Without functions.
    std::map<std::string, Trial> trials;

    /// Names the subject, environment and kinds of a space.
    static Recording of(const Space &space, const Environment &environment);

    /// The space of the recorded candidates; all others are illegal, "it was not recorded". This must outlive it.
    Space space() const;
    /// The fastest ok candidate, and its seconds; infinity if there is none.
    double best_seconds() const;
};

/// Throws std::invalid_argument with one sentence that names the line of `name` which is wrong.
Recording read_recording(std::istream &in, const std::string &name);
/// A file that was cut off while its last line was written is read up to that line.
Recording read_recording_file(const std::string &path);

std::string recording_header(const Recording &recording);  ///< One line, without its end.
std::string recording_line(const std::string &candidate, const Recording::Trial &trial);

/// Answers from a recording, as a device would.
class ReplayEvaluator : public Evaluator {
public:
    /// `recording` must outlive this.
    explicit ReplayEvaluator(const Recording &recording) : recording_(recording) {}

    Result evaluate(const std::string &candidate) override;
    std::vector<Contestant> compare(const std::vector<FinalTime> &contestants) override;
    int64_t evaluated() const { return evaluated_; }

private:
    const Recording &recording_;
    int64_t evaluated_ = 0;
};

}  // namespace convwright
