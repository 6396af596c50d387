// SPDX-License-Identifier: Apache-2.0
// The program convwright-tune.
#include <iostream>

#include "autotune/commands/command.h"
#include "runtime/isa_setting.h"

namespace convwright {
namespace {

int run(int argc, char **argv) {
    host_isa_as_set();  // what is searched and recorded depends on it
    CLI::App app("Searches the fastest kernels for convolution problems on this machine.",
                 "convwright-tune");
    app.require_subcommand(1);
    app.failure_message([](const CLI::App *, const CLI::Error &error) {
        return std::string("convwright-tune: ") + error.what() + "\n";
    });
    Action action;
    CommonArguments common;
    app.add_option("--db", common.database,
                   "Tuning database; without it CONVWRIGHT_DB, else that of this user.");
    app.add_option("--shipped", common.shipped,
                   "Database behind that one, which is only read: its records and choices answer "
                   "where that has none.")
        ->check(CLI::ExistingFile);
    add_search_command(app, common, action);
    add_record_command(app, action);
    add_worker_command(app, action);
    add_job_commands(app, common, action);
    add_database_commands(app, common, action);
    add_explain_command(app, common, action);
    add_export_command(app, common, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return app.exit(error) == 0 ? 0 : kUsage;
    }
    const int status = action();
    if (!std::cout.flush()) throw std::runtime_error("The output cannot be written to its end.");
    return status;
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
