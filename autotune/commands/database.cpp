// SPDX-License-Identifier: Apache-2.0
// convwright-tune db
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "autotune/commands/command.h"
#include "autotune/database/exchange.h"
#include "autotune/database/maintenance.h"
#include "autotune/database/tuned_table_writer.h"
#include "autotune/explanation.h"
#include "autotune/program_files.h"
#include "runtime/tuned_choices.h"
#include "runtime/tuned_table.h"

namespace convwright {
namespace {

struct ShowArguments {
    std::string problem;
    std::optional<int> phase;
};

struct PruneArguments {
    PruneRule rule;
    bool other_versions = false;
    double days = 0;
};

int run_prune(const PruneArguments &arguments, Database database) {
    PruneRule rule = arguments.rule;
    if (arguments.other_versions) rule.not_versions = library_versions();
    if (arguments.days > 0)
        rule.recorded_before = now_seconds() - static_cast<int64_t>(arguments.days * 24 * 3600);
    const bool given = rule.failures || rule.keep_best > 0 || !rule.not_versions.empty() ||
                       rule.recorded_before != 0;
    if (!given) rule.failures = true;
    std::cout << prune(database, rule) << " records"
              << (rule.not_versions.empty() ? "" : " and choices") << " are gone.\n";
    // Choices that are gone answer no longer.
    if (!rule.not_versions.empty()) publish_choices(database);
    return 0;
}

}  // namespace

void add_database_commands(CLI::App &app, const CommonArguments &common, Action &action) {
    CLI::App *db = app.add_subcommand("db", "Look at the tuning database and keep it in order.");
    db->require_subcommand(1);
    const auto file = std::make_shared<std::string>();
    const auto open_or_make = [&common] {
        return Database(database_path(common.database), common.options());
    };
    const auto open = [&common] { return open_existing(common); };
    db->add_subcommand("list", "A line for each problem that was searched.")
        ->callback([&action, open] {
            action = [open] {
                Database database = open();
                for (const KeySummary &key : list_keys(database))
                    std::cout << key.key.subject.problem << "\tpass " << key.key.subject.phase
                              << "\t" << key.records << " trials, " << key.failures << " failed\t"
                              << (key.chosen.empty() ? "not chosen yet" : key.chosen) << "\n";
                return 0;
            };
        });
    const auto shown = std::make_shared<ShowArguments>();
    CLI::App *show = db->add_subcommand("show", "All that is known of a problem.");
    show->add_option("problem", shown->problem, "Problem string.")->required();
    show->add_option("--phase", shown->phase, "Only this pass of it; -1 is all of them together.");
    show->callback([&action, open, shown] {
        action = [open, shown] {
            Database database = open();
            const std::string problem =
                format_problem(tuned_subject(parse_operator_problem(shown->problem)));
            const std::string text = show_problem(database, problem, shown->phase);
            if (text.empty())
                throw std::runtime_error("Nothing was recorded of " + problem +
                                         "; `convwright-tune db list` names the problems.");
            std::cout << text;
            return 0;
        };
    });
    db->add_subcommand("verify", "What is wrong with the database, a line each.")
        ->callback([&action, open] {
            action = [open] {
                Database database = open();
                const std::vector<std::string> wrong = verify(database);
                for (const std::string &sentence : wrong) std::cout << sentence << "\n";
                if (wrong.empty()) std::cout << "Nothing is wrong with it.\n";
                const std::string table = tuned_table_beside(database.path());
                if (wrong.empty() && std::filesystem::exists(table) &&
                    std::holds_alternative<std::string>(TunedTable::read(table))) {
                    publish_choices(database);
                    std::cout << "The table of choices beside it was damaged, and is written "
                                 "anew.\n";
                }
                return wrong.empty() ? 0 : kFailure;
            };
        });
    const auto pruned = std::make_shared<PruneArguments>();
    CLI::App *prune = db->add_subcommand(
        "prune",
        "Remove records; without options trials that failed, so that they may be tried again.");
    prune->add_flag("--failures", pruned->rule.failures, "Trials that failed.");
    prune->add_flag("--other-versions", pruned->other_versions,
                    "Records and choices of other versions of Convwright or Halide.");
    prune
        ->add_option("--older-than", pruned->days, "Records of more days ago, but what was chosen.")
        ->check(positive());
    prune
        ->add_option("--keep", pruned->rule.keep_best,
                     "All but so many of the fastest of each search, and what was chosen.")
        ->check(positive());
    prune->callback([&action, open, pruned] {
        action = [open, pruned] { return run_prune(*pruned, open()); };
    });
    CLI::App *out = db->add_subcommand("export", "Write all records as JSON lines.");
    out->add_option("file", *file, "Written; - is stdout.")->required();
    out->callback([&action, open, file] {
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
    // Choices that came with the records answer from now on.
    const auto taken = [](Database &database, const Imported &imported) {
        publish_choices(database);
        for (const std::string &sentence : imported.refused) std::cerr << sentence << "\n";
        std::cout << imported.added << " new, " << imported.present << " were there already.\n";
        return imported.refused.empty() ? 0 : kFailure;
    };
    CLI::App *in = db->add_subcommand("import", "Take over what export wrote.");
    in->add_option("file", *file, "JSON lines.")->required();
    in->callback([&action, open_or_make, file, taken] {
        action = [open_or_make, file, taken] {
            std::ifstream stream(*file);
            if (!stream) throw UsageError("'" + *file + "' cannot be read.");
            Database database = open_or_make();
            return taken(database, import_records(database, stream, *file));
        };
    });
    CLI::App *merge = db->add_subcommand("merge", "Take over the records of another database.");
    merge->add_option("file", *file, "The other database.")->required();
    merge->callback([&action, open_or_make, file, taken] {
        action = [open_or_make, file, taken] {
            if (!std::filesystem::is_regular_file(*file))
                throw UsageError("'" + *file + "' cannot be read.");
            Database database = open_or_make();
            return taken(database, merge_database(database, *file));
        };
    });
}

}  // namespace convwright
