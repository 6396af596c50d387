// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/make_jobs.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "autotune/cuda_spaces.h"
#include "autotune/cuda_tasks.h"
#include "autotune/program_files.h"
#include "autotune/search/portfolio.h"

namespace convwright {
namespace {

/// Costs that are known of the candidates of a space: those of one device, the one with the most records.
std::map<std::string, double> known_costs(Database &database, const Space &space, bool cuda) {
    std::map<std::string, std::map<std::string, double>> by_device;
    const auto wanted = [&](const SearchKey &key) {
        const bool gpu = key.environment.identity.rfind("gpu/", 0) == 0;
        return key.subject == space.subject() && key.space == space.hash() && gpu == cuda;
    };
    for (const Record &record : database.records(wanted))
        by_device[record.key.environment.identity][record.candidate] = record.result.cost();
    std::map<std::string, double> most;
    for (const auto &[device, costs] : by_device)
        if (costs.size() > most.size()) most = costs;
    return most;
}

/// Candidates of a space in the order in which a search would try them, without the known ones.
std::vector<std::string> next_candidates(const Space &space, const JobsWanted &wanted,
                                         const std::set<std::string> &have,
                                         const std::string &untuned) {
    Portfolio strategy(space, wanted.seed);
    std::set<std::string> known = have;
    if (wanted.known != nullptr) {
        for (const auto &[candidate, cost] :
             known_costs(*wanted.known, space, wanted.target.cuda())) {
            const std::optional<Point> point = space.parse(candidate);
            if (!point || !space.is_legal(*point)) continue;
            strategy.tell(*point, cost);
            known.insert(candidate);
        }
    }
    std::vector<std::string> next;
    const auto add = [&](const std::string &candidate) {
        if (next.size() < wanted.candidates && known.insert(candidate).second)
            next.push_back(candidate);
    };
    const std::optional<Point> by_rule = space.parse(untuned);
    if (by_rule && space.is_legal(*by_rule)) add(untuned);
    while (next.size() < wanted.candidates) {
        const std::optional<Point> point = strategy.ask();
        if (!point) break;
        add(space.text(*point));
    }
    return next;
}

}  // namespace

std::vector<TuningTask> tasks_for(const Target &target, const std::vector<CountedProblem> &problems,
                                  std::vector<std::string> &left_out) {
    return target.cuda() ? cuda_tuning_tasks(problems, nominal_gpu(target.architecture), left_out)
                         : tuning_tasks(problems, left_out);
}

Space space_for(const Target &target, const TuningTask &task) {
    return target.cuda() ? cuda_space_of(task, nominal_gpu(target.architecture))
                         : space_of(task, {target.isa});
}

int64_t add_jobs(const JobFolder &folder, const std::vector<TuningTask> &tasks,
                 const JobsWanted &wanted) {
    // Those that are there already, by what they are about.
    std::map<std::tuple<std::string, int, std::string>, std::set<std::string>> present;
    for (const std::string &name : folder.names(JobStage::kMake)) {
        try {
            const Job job = folder.job(JobStage::kMake, name);
            if (job.target == wanted.target && job.versions == wanted.versions)
                present[{job.subject.problem, job.subject.phase, job.space}].insert(job.candidate);
        } catch (const std::invalid_argument &) {  // told of by who works on it
        }
    }
    int64_t added = 0;
    for (const TuningTask &task : tasks) {
        const Space space = space_for(wanted.target, task);
        const std::string untuned =
            wanted.target.cuda()
                ? untuned_cuda_candidate(task, nominal_gpu(wanted.target.architecture))
                : untuned_candidate(task);
        const auto &have = present[{space.subject().problem, space.subject().phase, space.hash()}];
        for (const std::string &candidate : next_candidates(space, wanted, have, untuned)) {
            Job job;
            job.target = wanted.target;
            job.subject = space.subject();
            job.space = space.hash();
            job.candidate = candidate;
            job.versions = wanted.versions;
            if (folder.add(JobStage::kMake, job.name(), format_job_file(job))) added++;
        }
    }
    return added;
}

WorkDone make_jobs(const JobFolder &folder, const std::function<Making(const Target &)> &making,
                   double lease_seconds, const std::function<void(const std::string &)> &tell) {
    StageWork work{JobStage::kMake, JobStage::kMeasure, lease_seconds, {}, {}, {}, tell};
    std::map<std::string, Making> known;  // by target
    work.why_not = [&](const Job &job) -> std::string {
        const std::string target = format_target(job.target);
        if (known.count(target) > 0) return "";
        try {
            Making parts = making(job.target);
            parts.kernels = private_folder(folder.kernels(job.target));
            parts.architecture = job.target.architecture;
            known[target] = parts;
            return "";
        } catch (const std::runtime_error &error) {
            return error.what();
        }
    };
    work.failed = [](Job job, const Result &result) {
        job.failure = result;
        return format_job_file(job);
    };
    work.work = [&](Job job) {
        const OperatorProblem problem = parse_operator_problem(job.subject.problem);
        if (!has_job(problem, job.candidate)) return format_job_file(job);
        auto measured = job_of(problem, job.subject.phase, job.candidate);
        if (auto *failure = std::get_if<Result>(&measured)) {
            job.failure = *failure;
            return format_job_file(job);
        }
        auto &kernel = std::get<MeasureJob>(measured);
        if (kernel.shipped.empty())
            job.failure = make_kernel(kernel, known.at(format_target(job.target)));
        if (!job.failure && kernel.shipped.empty()) {
            job.sha256 = kernel.on_gpu() ? kernel.made_cuda->sha256 : kernel.made.sha256;
            if (kernel.on_gpu()) job.images_sha256 = kernel.made_cuda->images_sha256;
        }
        return format_job_file(job);
    };
    return work_through(folder, work);
}

}  // namespace convwright
