// SPDX-License-Identifier: Apache-2.0
// convwright-tune search --replay
#include "autotune/commands/replay_search.h"

#include <filesystem>
#include <iostream>

#include "autotune/making_folder.h"
#include "autotune/progress.h"
#include "autotune/replay.h"
#include "autotune/search/portfolio.h"

namespace convwright {

int replay_search(const ReplayArguments &arguments, const CommonArguments &common) {
    const Recording recording = read_recording_file(arguments.file);
    const Space space = recording.space();
    const Environment &environment = recording.key.environment;
    // What a device is told of is the user's; a replay is nobody's.
    const MakingFolder folder(std::filesystem::temp_directory_path());
    if (common.database.empty() && folder.path().empty())
        throw std::runtime_error(
            "No folder can be made for the time of a replay; set TMPDIR to one.");
    Database database(common.database.empty() ? folder.path() + "/tuning.db" : common.database,
                      common.options());
    for (const std::string &notice : database.notices()) std::cerr << notice << "\n";

    const TuningTask task{recording.key.subject,
                          parse_operator_problem(recording.key.subject.problem)};
    Progress progress(arguments.json);
    TunerEvent event;
    event.task = &task;
    event.count = 1;
    progress.show(event);
    SearchOptions options;
    options.stop.most_trials = arguments.trials;
    options.stop.stagnation = TunerOptions{}.stagnation;
    if (const auto before = database.choice(recording.key)) options.incumbent = before->candidate;
    options.on_result = [&](const std::string &candidate, const Result &result, bool known) {
        tell_result(event, candidate, result, known);
        progress.show(event);
    };
    Portfolio strategy(space, arguments.seed,
                       seeds_from(database, space, environment, Portfolio::kAnalytic));
    ReplayEvaluator evaluator(recording);
    const SearchReport report = search(space, strategy, evaluator, database, environment, options);
    event.kind = report.choice ? TunerEvent::Kind::kChoice : TunerEvent::Kind::kLeft;
    event.notice = report.notice;
    if (report.choice) event.choice = *report.choice, event.candidate = report.choice->candidate;
    progress.show(event);
    if (report.choice && !arguments.json)
        std::cerr << "The fastest of " << recording.trials.size() << " recorded candidates takes "
                  << recording.best_seconds() * 1e3 << " ms.\n";
    return 0;
}

}  // namespace convwright
