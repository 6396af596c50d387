// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace convwright {

/// Workers on one folder of jobs: processes of this program that differ in nothing but the GPU that they use.
struct Workers {
    std::vector<std::string>
        command;  ///< Program first; each worker ends when nothing is left for it.
    int count = 1;
    int gpus =
        0;  ///< Of this machine, which workers here use in turns by --gpu; elsewhere one each if not 0.
    std::string name;  ///< "convwright-measure".
};

/// What workers said on stderr, and the largest of their exit statuses.
struct WorkersEnd {
    int status = 0;
    std::string complaint;
};

/// Runs them on this machine and waits until all have ended.
WorkersEnd run_here(const Workers &workers);

/// Runs them on a Ray cluster that is there already, by the Python module convwright._ray_workers of `python`.
WorkersEnd run_on_ray(const Workers &workers, const std::string &python);

/// A script for Slurm, an array of one job per worker.
std::string slurm_script(const Workers &workers);

}  // namespace convwright
