// SPDX-License-Identifier: Apache-2.0
#include "autotune/jobs/job.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "autotune/bounded_json.h"
#include "autotune/cpu_spaces.h"
#include "runtime/fnv.h"
#include "runtime/pass_limits.h"

namespace convwright {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "convwright_job";
constexpr int kFormatVersion = 1;
constexpr size_t kSha256Digits = 64;

[[noreturn]] void refuse(const std::string &why) { throw std::invalid_argument(why + "."); }

/// A hash, or nothing.
std::string sha256_of(const Json &json, const char *name) {
    const auto text = json.at(name).get<std::string>();
    const bool digits = text.find_first_not_of("0123456789abcdef") == text.npos;
    if (!digits || (!text.empty() && text.size() != kSha256Digits))
        refuse(std::string("its ") + name + " is no SHA-256");
    return text;
}

Result failure_of(const Json &json) {
    const auto outcome = parse_outcome(json.at("outcome").get<std::string>());
    Result result;
    if (!outcome) refuse("its outcome is unknown");
    result.outcome = *outcome;
    json.at("reason").get_to(result.reason);
    if (result.outcome == Outcome::kOk || result.outcome == Outcome::kNoisy ||
        why_no_result(result) != nullptr)
        refuse("its failure is none");
    return result;
}

Job job_from(const Json &json) {
    if (!json.is_object() || !json.contains(kFormat)) refuse("it is no job");
    if (json.at(kFormat) != kFormatVersion)
        refuse("it is a job of another version than " + std::to_string(kFormatVersion) +
               "; make it with this Convwright");
    Job job;
    job.target = parse_target(json.at("target"));
    json.at("problem").get_to(job.subject.problem);
    job.subject.phase = integer_at<int>(json, "phase");
    json.at("space").get_to(job.space);
    json.at("candidate").get_to(job.candidate);
    json.at("versions").get_to(job.versions);
    if (const auto why = why_no_subject(job.subject.problem)) throw std::invalid_argument(*why);
    if (job.subject.phase < kWholeProblem || job.subject.phase >= kMostPhases)
        refuse("there is no such phase");
    job.sha256 = sha256_of(json, "sha256");
    job.images_sha256 = sha256_of(json, "images_sha256");
    if (json.contains("failure")) job.failure = failure_of(json.at("failure"));
    return job;
}

}  // namespace

std::string Job::name() const {
    return hex16(fnv1a(format_target(target) + "\n" + subject.problem + "\n" +
                       std::to_string(subject.phase) + "\n" + space + "\n" + candidate + "\n" +
                       versions));
}

std::string format_job_file(const Job &job) {
    Json json = {{kFormat, kFormatVersion},
                 {"target", format_target(job.target)},
                 {"problem", job.subject.problem},
                 {"phase", job.subject.phase},
                 {"space", job.space},
                 {"candidate", job.candidate},
                 {"versions", job.versions},
                 {"sha256", job.sha256},
                 {"images_sha256", job.images_sha256}};
    if (job.failure)
        json["failure"] = {{"outcome", outcome_name(job.failure->outcome)},
                           {"reason", job.failure->reason}};
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Job parse_job_file(const std::string &text) {
    try {
        return job_from(bounded_json<Json>(text));
    } catch (const JsonFault &fault) {
        refuse(fault.what());
    } catch (const Json::exception &) {
        throw std::invalid_argument("it is cut off, or a field is missing or of another type.");
    }
}

}  // namespace convwright
