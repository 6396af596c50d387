// SPDX-License-Identifier: Apache-2.0
// convwright-tune export
#include <fstream>
#include <iostream>
#include <memory>

#include "autotune/commands/command.h"
#include "autotune/export_choices.h"
#include "autotune/program_files.h"

namespace convwright {
namespace {

struct ExportArguments {
    std::string file;
    double within = 5;
};

int run_export(const ExportArguments &arguments, const CommonArguments &common) {
    Database database = open_existing(common);
    const ExportedChoices exported = export_choices(database, arguments.within / 100);
    for (const std::string &sentence : exported.left_out) std::cerr << sentence << "\n";
    if (exported.rows.empty())
        throw std::runtime_error(
            "'" + database.path() +
            "' has no choice of this version to export: tune a problem first.");
    const std::string kernels = std::to_string(exported.kernels) +
                                " kernels beside the library's own in the place of " +
                                std::to_string(exported.chosen_kernels) +
                                (exported.fewest ? ", the fewest" : ", perhaps not the fewest");
    const std::string text = format_choice_table(
        exported.rows, {"By `convwright-tune export` of " + library_versions() + ".",
                        std::to_string(exported.rows.size()) + " choices by " + kernels + "."});
    if (arguments.file == "-") {
        std::cout << text << std::flush;
    } else {
        std::ofstream file(arguments.file);
        file << text;
        file.close();
        if (!file) throw std::runtime_error("'" + arguments.file + "' cannot be written.");
    }
    std::cerr << exported.rows.size() << " choices by " << kernels << ".\n";
    return 0;
}

}  // namespace

void add_export_command(CLI::App &app, const CommonArguments &common, Action &action) {
    const auto arguments = std::make_shared<ExportArguments>();
    CLI::App *out = app.add_subcommand(
        "export", "Write the choices as a table that a later build has in its library.");
    out->add_option("file", arguments->file, "Written, for -DCONVWRIGHT_TUNED=FILE; - is stdout.")
        ->required();
    out->add_option(
           "--within", arguments->within,
           "Percent that a schedule may be slower than the fastest where that saves a kernel.")
        ->check(CLI::Range(0.0, 100.0))
        ->capture_default_str();
    out->callback([&action, &common, arguments] {
        action = [&common, arguments] { return run_export(*arguments, common); };
    });
}

}  // namespace convwright
