// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/measure_jobs.h"

#include <sstream>

#include "autotune/cuda_tasks.h"
#include "autotune/gpu_device.h"
#include "autotune/program_files.h"
#include "autotune/tuner.h"

namespace convwright {
namespace {

/// What measuring a job needs to know of it and of this machine.
struct Measuring {
    const JobFolder &folder;
    const Trials &trials;  ///< On the CPU.
    const int gpu;         ///< Number of the one for jobs of GPUs.
    const std::string versions, measured_versions;

    TuningTask task_of(const Job &job) const {
        return {job.subject, parse_operator_problem(job.subject.problem)};
    }

    Space space_of_job(const Job &job) const {
        const TuningTask task = task_of(job);
        return job.target.cuda() ? cuda_space_of(task, cuda::device(gpu))
                                 : space_of(task, {job.target.isa});
    }

    /// Why no job of its kind can be measured here; empty if it can.
    std::string why_not(const Job &job) const {
        const std::string target = format_target(job.target);
        if (job.versions != versions)
            return "Jobs of " + job.versions + " are left out, for this is " + versions +
                   ": make them again with the same version.";
        if (job.target.cuda()) {
            try {
                cuda::device(gpu);
            } catch (const std::runtime_error &error) {
                return "Jobs for " + target + " are left to machines with a GPU: " + error.what();
            }
        } else if (job.target.isa > host_isa()) {
            return "Jobs for " + target +
                   " are left to other machines: this CPU does not have its instructions.";
        }
        if (!has_job(task_of(job).problem, job.candidate) && trials.python.empty())
            return "Jobs that compare PyTorch and algorithms of the operators are left to workers "
                   "with --python, an interpreter that has convwright.";
        try {
            if (space_of_job(job).hash() == job.space) return "";
            return "Jobs of another space than this version has for " + job.subject.problem +
                   " are left out: make them again.";
        } catch (const std::invalid_argument &error) {
            return std::string("Jobs are left out: ") + error.what();
        }
    }

    Result measure(const Job &job) const {
        if (job.failure) return *job.failure;
        const Space space = space_of_job(job);
        const std::optional<Point> point = space.parse(job.candidate);
        if (!point)
            return failed_result(
                Outcome::kBuildFailed,
                "'" + job.candidate + "' is no candidate of " + job.subject.problem + ".");
        // Legal for every GPU of the target, perhaps, but not for this one.
        if (const char *why = space.why_illegal(*point))
            return failed_result(Outcome::kRejected,
                                 "Not on this device: " + std::string(why) + ".");
        const OperatorProblem problem = task_of(job).problem;
        if (!has_job(problem, job.candidate)) {
            Trials own = trials;
            if (job.target.cuda()) move_to_gpu(own, gpu);
            return TrialEvaluator(problem, job.subject.phase, own).evaluate(job.candidate);
        }
        auto found = job_of(problem, job.subject.phase, job.candidate);
        if (auto *failure = std::get_if<Result>(&found)) return *failure;
        auto &measured = std::get<MeasureJob>(found);
        measured.timing = trials.screening;
        measured.gpu = gpu;
        place_files(job, measured);
        Result result =
            measure_apart(trials.worker, measured, measuring_limits(measured, trials.most_seconds))
                .result;
        result.artifact = measured.artifact();
        return result;
    }

    /// Kernels lie in the folder under their symbols: a job names no file.
    void place_files(const Job &job, MeasureJob &measured) const {
        if (!measured.shipped.empty()) return;
        const std::string kernels = folder.kernels(job.target);
        if (measured.on_gpu()) {
            cuda::place_files(*measured.made_cuda, kernels, job.sha256 + job.images_sha256);
        } else {
            measured.made.path = kernels + "/" + measured.made.symbol + ".so";
            measured.made.sha256 = job.sha256;
        }
    }

    std::string result_text(const Job &job, const Result &result) const {
        const Environment environment =
            job.target.cuda() ? gpu_environment(gpu_facts(gpu), measured_versions)
                              : cpu_environment(measured_versions, trials.screening.threads);
        std::ostringstream text;
        export_record({{job.subject, job.space, environment}, job.candidate, result, now_seconds()},
                      text);
        return text.str();
    }
};

}  // namespace

WorkDone measure_jobs(const JobFolder &folder, const Trials &trials, int gpu,
                      const std::string &torch, double lease_seconds,
                      const std::function<void(const std::string &)> &tell) {
    const Measuring measuring{folder, trials, gpu, library_versions(), library_versions(torch)};
    StageWork work{JobStage::kMeasure, JobStage::kResult, lease_seconds, {}, {}, {}, tell};
    work.why_not = [&](const Job &job) { return measuring.why_not(job); };
    work.work = [&](const Job &job) { return measuring.result_text(job, measuring.measure(job)); };
    work.failed = [&](const Job &job, const Result &result) {
        return measuring.result_text(job, result);
    };
    return work_through(folder, work);
}

Imported collect_results(const JobFolder &folder, Database &database) {
    Imported all;
    for (const std::string &name : folder.names(JobStage::kResult)) {
        const std::string file = folder.file(JobStage::kResult, name);
        std::string text;
        if (const std::string why = folder.read(JobStage::kResult, name, text); !why.empty()) {
            all.refused.push_back("The result '" + file + "' " + why + ".");
            continue;
        }
        std::istringstream lines(text);
        const Imported one = import_records(database, lines, file);
        all.added += one.added;
        all.present += one.present;
        all.refused.insert(all.refused.end(), one.refused.begin(), one.refused.end());
    }
    return all;
}

}  // namespace convwright
