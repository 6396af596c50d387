// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/launcher.h"

#include <algorithm>
#include <thread>

#include "autotune/run_process.h"

namespace convwright {
namespace {

/// In quotes of a POSIX shell.
std::string quoted(const std::string &word) {
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

WorkersEnd end_of(const ProcessResult &process) {
    WorkersEnd end{process.success() ? 0 : 1, process.complaint};
    if (process.end == ProcessResult::End::kExited) {
        end.status = process.status;
    } else {
        end.complaint += "A worker " + process.what_happened() + ".\n";
    }
    return end;
}

}  // namespace

WorkersEnd run_here(const Workers &workers) {
    std::vector<WorkersEnd> ends(static_cast<size_t>(workers.count));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < ends.size(); i++) {
        std::vector<std::string> command = workers.command;
        if (workers.gpus > 0) {
            const size_t gpu = i % static_cast<size_t>(workers.gpus);
            command.insert(command.end(), {"--gpu", std::to_string(gpu)});
        }
        threads.emplace_back(
            [&end = ends[i], command] { end = end_of(run_process(command, ProcessLimits{})); });
    }
    for (std::thread &thread : threads) thread.join();
    WorkersEnd all;
    for (const WorkersEnd &end : ends) {
        all.status = std::max(all.status, end.status);
        // Workers that leave the same jobs say the same.
        if (all.complaint.find(end.complaint) == std::string::npos) all.complaint += end.complaint;
    }
    return all;
}

WorkersEnd run_on_ray(const Workers &workers, const std::string &python) {
    std::vector<std::string> command = {python,
                                        "-m",
                                        "convwright._ray_workers",
                                        "--workers",
                                        std::to_string(workers.count),
                                        "--gpus",
                                        workers.gpus > 0 ? "1" : "0",
                                        "--"};
    command.insert(command.end(), workers.command.begin(), workers.command.end());
    return end_of(run_process(command, ProcessLimits{}));
}

std::string slurm_script(const Workers &workers) {
    std::string script = "#!/bin/sh\n#SBATCH --job-name=" + workers.name + "\n#SBATCH --array=1-" +
                         std::to_string(workers.count) + "\n#SBATCH --ntasks=1\n";
    if (workers.gpus > 0) script += "#SBATCH --gres=gpu:1\n";
    script += "exec";
    for (const std::string &word : workers.command) script += " " + quoted(word);
    return script + "\n";
}

}  // namespace convwright
