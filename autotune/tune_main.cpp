// SPDX-License-Identifier: Apache-2.0
// The program convwright-tune.
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "autotune/cpu_spaces.h"
#include "autotune/database/database_error.h"
#include "autotune/database/exchange.h"
#include "autotune/database/maintenance.h"
#include "autotune/making_folder.h"
#include "autotune/openmp_threads.h"
#include "autotune/program_files.h"
#include "autotune/progress.h"
#include "autotune/record_space.h"
#include "autotune/tuner.h"
#include "runtime/cache_folder.h"
#include "runtime/tuned_choices.h"

namespace convwright {
namespace {

constexpr int kFailure = 1, kUsage = 2;
constexpr int kSpareSeconds = 60;

/// What the user asked for cannot be; the exit status is that of a wrong usage.
class UsageError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// `given` or, where that is empty, the user's own.
std::string database_path(const std::string &given) {
    if (!given.empty()) return given;
    const char *named = std::getenv("CONVWRIGHT_DB");
    if (named != nullptr && *named != '\0') return named;
    const std::string folder = cache_folder();
    if (folder.empty())
        throw UsageError("There is no place for the tuning database: set CONVWRIGHT_DB or HOME.");
    return folder + "/tuning.db";
}

/// "problem" or "problem count" a line.
std::vector<CountedProblem> read_problem_lines(std::istream &in) {
    std::vector<CountedProblem> problems;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string text;
        if (!(words >> text)) continue;
        CountedProblem problem{parse_problem(text), 1};
        if (!(words >> std::ws).eof() &&
            (!(words >> problem.count) || !(words >> std::ws).eof() || !(problem.count > 0)))
            throw UsageError("'" + line + "' is no problem with how often it occurs behind it.");
        problems.push_back(problem);
    }
    return problems;
}

/// Where trials of this program find what they need.
CpuTrials cpu_trials(const std::string &generators, int threads) {
    CpuTrials trials;
    trials.tools = kernel_tools(generators);
    if (const std::string why = trials.tools.why_missing(); !why.empty())
        throw std::runtime_error(why);
    if (made_kernels_folder().empty())
        throw UsageError("There is no place for kernels: set CONVWRIGHT_CACHE_DIR or HOME.");
    trials.kernels = private_folder(made_kernels_folder());
    // What a killed tuner's Generator and linker may still write to has ended by then.
    remove_left_folders(trials.kernels,
                        static_cast<int>(2 * trials.compiling.wall_seconds) + kSpareSeconds);
    trials.worker = {program_path(), "worker"};
    trials.screening.threads = trials.finals.threads = threads;
    trials.screening.seconds = 0.1;
    trials.finals.seconds = 0.6;
    trials.finals.least = 11;
    return trials;
}

struct SearchArguments {
    std::vector<std::string> problems;
    std::string file, database, python, generators;
    double budget = 300;
    int threads = 1;
    int64_t trials = 64;
    uint64_t seed = 1;
    bool dry_run = false, json = false;
};

std::vector<CountedProblem> problems_of(const SearchArguments &arguments) {
    std::vector<CountedProblem> problems;
    for (const std::string &text : arguments.problems) problems.push_back({parse_problem(text), 1});
    if (arguments.file == "-") {
        for (auto &p : read_problem_lines(std::cin)) problems.push_back(p);
    } else if (!arguments.file.empty()) {
        std::ifstream file(arguments.file);
        if (!file) throw UsageError("'" + arguments.file + "' cannot be read.");
        for (auto &p : read_problem_lines(file)) problems.push_back(p);
    }
    if (problems.empty())
        throw UsageError("There is no problem to tune: give --problem or --problems.");
    return problems;
}

/// Legal candidates of each task by predicted cost, and how many each reason rejects.
int list_candidates(const std::vector<TuningTask> &tasks) {
    for (const TuningTask &task : tasks) {
        const Space space = space_of(task, {});
        std::cout << task.subject.problem << " pass " << task.subject.phase << ": "
                  << space.legal().size() << " legal candidates of " << space.size() << "\n";
        for (const Point point : space.ranked())
            std::cout << "  " << space.text(point) << "  " << space.predicted(point) << "\n";
        for (const auto &[reason, count] : space.rejected())
            std::cout << "  rejected " << count << ": " << reason << "\n";
    }
    return 0;
}

/// The library's own choice in this process and in its workers, not that of an earlier search.
void use_no_choices() { setenv("CONVWRIGHT_TUNE", "off", 1); }

int run_search(const SearchArguments &arguments) {
    use_no_choices();
    std::vector<std::string> left_out;
    const std::vector<TuningTask> tasks = tuning_tasks(problems_of(arguments), left_out);
    for (const std::string &sentence : left_out) std::cerr << sentence << "\n";
    if (arguments.dry_run) return list_candidates(tasks);

    TunerOptions options;
    options.seconds = arguments.budget;
    options.trials = arguments.trials;
    options.seed = arguments.seed;
    options.versions = library_versions();
    options.trials_on_cpu = cpu_trials(arguments.generators, arguments.threads);
    if (!arguments.python.empty())
        options.trials_on_cpu.python = {arguments.python, "-m", "convwright._compare"};

    Database database(database_path(arguments.database));
    for (const std::string &notice : database.notices()) std::cerr << notice << "\n";
    Progress progress(arguments.json);
    const size_t chosen =
        tune(tasks, database, options, [&](const TunerEvent &event) { progress.show(event); });
    progress.end(chosen, tasks.size());
    return 0;
}

/// Reads a job, does it, writes what came of it.
int run_worker() {
    use_no_choices();
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    const MeasureJob job = parse_job(text);
    use_openmp_threads(job.timing.threads);
    std::cout << format_measured(measure_here(job)) << std::endl;
    return 0;
}

void add_database_commands(CLI::App &app, std::string &path, std::function<int()> &action) {
    CLI::App *db = app.add_subcommand("db", "Look at the tuning database and keep it in order.");
    db->require_subcommand(1);
    auto *file = new std::string;  // for the life of the program
    const auto open_or_make = [&path] { return Database(database_path(path)); };
    const auto open = [&path] {
        const std::string name = database_path(path);
        if (!database_exists(name))
            throw std::runtime_error("There is no tuning database '" + name +
                                     "' yet: tune a problem, or import records.");
        return Database(name);
    };
    db->add_subcommand("list", "A line for each problem that was searched.")->callback([&, open] {
        action = [open] {
            Database database = open();
            for (const KeySummary &key : list_keys(database))
                std::cout << key.key.subject.problem << "\tpass " << key.key.subject.phase << "\t"
                          << key.records << " trials, " << key.failures << " failed\t"
                          << (key.chosen.empty() ? "not chosen yet" : key.chosen) << "\n";
            return 0;
        };
    });
    db->add_subcommand("verify", "What is wrong with the database, a line each.")
        ->callback([&, open] {
            action = [open] {
                Database database = open();
                const std::vector<std::string> wrong = verify(database);
                for (const std::string &sentence : wrong) std::cout << sentence << "\n";
                if (wrong.empty()) std::cout << "Nothing is wrong with it.\n";
                return wrong.empty() ? 0 : kFailure;
            };
        });
    db->add_subcommand("prune", "Remove trials that failed, so that they may be tried again.")
        ->callback([&, open] {
            action = [open] {
                Database database = open();
                PruneRule rule;
                rule.failures = true;
                std::cout << prune(database, rule) << " records are gone.\n";
                return 0;
            };
        });
    CLI::App *out = db->add_subcommand("export", "Write all records as JSON lines.");
    out->add_option("file", *file, "Written; - is stdout.")->required();
    out->callback([&, open, file] {
        action = [open, file] {
            Database database = open();
            if (*file == "-") {
                export_records(database, std::cout);
                return 0;
            }
            std::ofstream stream(*file);
            export_records(database, stream);
            stream.close();
            if (!stream) throw std::runtime_error("'" + *file + "' cannot be written.");
            return 0;
        };
    });
    const auto taken = [](const Imported &imported) {
        for (const std::string &sentence : imported.refused) std::cerr << sentence << "\n";
        std::cout << imported.added << " new, " << imported.present << " were there already.\n";
        return imported.refused.empty() ? 0 : kFailure;
    };
    CLI::App *in = db->add_subcommand("import", "Take over what export wrote.");
    in->add_option("file", *file, "JSON lines.")->required();
    in->callback([&, open_or_make, file, taken] {
        action = [open_or_make, file, taken] {
            std::ifstream stream(*file);
            if (!stream) throw UsageError("'" + *file + "' cannot be read.");
            Database database = open_or_make();
            return taken(import_records(database, stream, *file));
        };
    });
    CLI::App *merge = db->add_subcommand("merge", "Take over the records of another database.");
    merge->add_option("file", *file, "The other database.")->required();
    merge->callback([&, open_or_make, file, taken] {
        action = [open_or_make, file, taken] {
            if (!std::filesystem::is_regular_file(*file))
                throw UsageError("'" + *file + "' cannot be read.");
            Database database = open_or_make();
            return taken(merge_database(database, *file));
        };
    });
}

/// What CLI11 has in its place names the largest double as the other end of the range.
CLI::Validator positive() {
    return CLI::Validator(
        [](const std::string &text) {
            double number = 0;
            if (CLI::detail::lexical_cast(text, number) && number > 0 && std::isfinite(number))
                return std::string();
            return "'" + text + "' is no number above 0.";
        },
        "POSITIVE");
}

void add_record_command(CLI::App &app, std::function<int()> &action) {
    struct Arguments {
        std::string problem, isa = "avx2", out, generators;
        int phase = 0;
        int64_t most = 0;
    };
    auto *of = new Arguments;  // for the life of the program
    CLI::App *record = app.add_subcommand(
        "record",
        "Measure every legal candidate of a space, for searches that need no device; goes on "
        "where it was.");
    record->add_option("--problem", of->problem, "Problem string.")->required();
    record->add_option("--phase", of->phase, "Pass of the problem.")->capture_default_str();
    record->add_option("--isa", of->isa, "avx2 or avx512.")
        ->check(CLI::IsMember({"avx2", "avx512"}))
        ->capture_default_str();
    record->add_option("--out", of->out, "Recording to write or to go on with.")->required();
    record->add_option("--most", of->most, "Candidates to try now; 0 for all.");
    record->add_option("--generators", of->generators, "Program that makes kernels.");
    record->callback([&action, of] {
        action = [of] {
            const Isa isa = of->isa == "avx512" ? Isa::kAvx512 : Isa::kAvx2;
            if (isa > host_isa()) throw UsageError("This CPU has no " + of->isa + "; choose avx2.");
            const ConvProblem problem = parse_problem(of->problem);
            CpuTrials trials = cpu_trials(of->generators, 1);
            trials.screening.seconds = 0.3;
            trials.screening.least = 15;
            CpuEvaluator evaluator(problem, of->phase, trials);
            record_space(conv_cpu_space(problem, of->phase, {isa}),
                         cpu_environment(library_versions()), evaluator, of->out, of->most,
                         [](const std::string &line) { std::cerr << line << "\n"; });
            return 0;
        };
    });
}

int run(int argc, char **argv) {
    CLI::App app("Searches the fastest kernels for convolution problems on this machine.",
                 "convwright-tune");
    app.require_subcommand(1);
    app.failure_message([](const CLI::App *, const CLI::Error &error) {
        return std::string("convwright-tune: ") + error.what() + "\n";
    });
    std::function<int()> action;
    SearchArguments search;
    app.add_option("--db", search.database,
                   "Tuning database; without it CONVWRIGHT_DB, else that of this user.");
    CLI::App *run = app.add_subcommand(
        "search", "Tune problems; what was measured before is not measured again.");
    run->add_option("--problem", search.problems,
                    "Problem string, such as fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc.");
    run->add_option("--problems", search.file,
                    "File with a problem and, if given, how often it occurs, a line; - is stdin.");
    run->add_option("--budget", search.budget, "Seconds.")
        ->check(positive())
        ->capture_default_str();
    run->add_option("--trials", search.trials, "At most, of one problem.")
        ->check(positive())
        ->capture_default_str();
    run->add_option("--threads", search.threads, "Of the kernels.")
        ->check(positive())
        ->capture_default_str();
    run->add_option("--seed", search.seed, "Of the search.")->capture_default_str();
    run->add_option("--python", search.python,
                    "Interpreter with convwright, to compare with PyTorch.");
    run->add_option("--generators", search.generators, "Program that makes kernels.");
    run->add_flag("--dry-run", search.dry_run,
                  "List candidates, legal and rejected, and measure none.");
    run->add_flag("--json", search.json, "Progress as JSON lines on stdout.");
    run->callback([&] { action = [&] { return run_search(search); }; });
    add_record_command(app, action);
    app.add_subcommand("worker", "Measure one candidate: a job on stdin, its result on stdout.")
        ->callback([&] { action = run_worker; });
    add_database_commands(app, search.database, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : kUsage;
    }
    return action();
}

}  // namespace
}  // namespace convwright

int main(int argc, char **argv) {
    try {
        return convwright::run(argc, argv);
    } catch (const convwright::UsageError &error) {
        std::cerr << "convwright-tune: " << error.what() << "\n";
        return convwright::kUsage;
    } catch (const std::invalid_argument &error) {
        std::cerr << "convwright-tune: " << error.what() << "\n";
        return convwright::kUsage;
    } catch (const std::exception &error) {
        std::cerr << "convwright-tune: " << error.what() << "\n";
        return convwright::kFailure;
    }
}
