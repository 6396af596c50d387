// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "autotune/bounded_json.h"
#include "autotune/measure.h"
#include "runtime/conv_pass.h"
#include "runtime/in_quotes.h"

namespace convwright {
namespace {

using Json = nlohmann::json;

constexpr char kJob[] = "job of the measuring process",
               kMeasured[] = "result of the measuring process";

[[noreturn]] void refuse(const std::string &what, const std::string &why) {
    throw std::invalid_argument("This is no " + what + ": " + why + ".");
}

/// Parsed, with errors of the library in our own words.
template<typename Read>
auto read(const std::string &text, const char *what, Read read_json) {
    try {
        return read_json(bounded_json<Json>(text));
    } catch (const JsonFault &fault) {
        refuse(what, fault.what());
    } catch (const Json::exception &) {
        refuse(what, "it is cut off, or a field is missing or of another type");
    }
}

Format parse_format(const std::string &name) {
    if (name != "nhwc" && name != "nchw")
        throw std::invalid_argument(in_quotes(name) +
                                    " is no memory format; accepted are nhwc and nchw.");
    return name == "nhwc" ? Format::kNhwc : Format::kNchw;
}

Isa parse_isa(const std::string &name) {
    for (const Isa isa : {Isa::kNone, Isa::kAvx2, Isa::kAvx512})
        if (name == isa_name(isa)) return isa;
    throw std::invalid_argument(in_quotes(name) +
                                " is no instruction set; accepted are avx2 and avx512.");
}

DType parse_dtype(const std::string &name) {
    for (const DType dtype : {DType::kF32, DType::kBf16, DType::kF16})
        if (name == dtype_name(dtype)) return dtype;
    throw std::invalid_argument(in_quotes(name) + " is no dtype; accepted are f32, bf16 and f16.");
}

Json to_json(const LoadableKernel &k) {
    return {{"generator", k.generator},
            {"symbol", k.symbol},
            {"schedule", k.schedule},
            {"problem", k.problem},
            {"product", k.product},
            {"phase", k.phase},
            {"format", k.format == Format::kNhwc ? "nhwc" : "nchw"},
            {"isa", isa_name(k.isa)},
            {"dtype", dtype_name(k.dtype)},
            {"path", k.path},
            {"sha256", k.sha256}};
}

Json to_json(const cuda::LoadableKernel &k) {
    return {{"generator", k.generator},
            {"symbol", k.symbol},
            {"schedule", k.schedule},
            {"product", k.product},
            {"format", k.format == Format::kNhwc ? "nhwc" : "nchw"},
            {"dtype", dtype_name(k.dtype)},
            {"path", k.path},
            {"sha256", k.sha256},
            {"images_path", k.images_path},
            {"images_sha256", k.images_sha256}};
}

/// Null if the job can be done, whatever comes of it, else what is wrong with it.
const char *why_no_job(const MeasureJob &job) {
    if (why_too_large(job.problem) != nullptr) return "the problem is too large for kernels";
    if (job.whole().is_fused_gradients() && !job.on_gpu()) return "only GPUs have such kernels";
    if (job.op == Operator::kDepthwiseSeparable) return "that operator has no kernels of its own";
    if (job.gpu < 0) return "GPUs are counted from 0";
    const bool whole =
        job.op == Operator::kWeightedSum || job.problem.direction == Direction::kWgrad;
    const size_t passes = whole ? 1 : conv_passes(job.problem).size();
    if (job.phase < 0 || static_cast<size_t>(job.phase) >= passes)
        return "the problem has no such pass";
    const TimingPlan &t = job.timing;
    if (t.threads < 1 || t.least < 1 || t.most < t.least || !(t.seconds >= 0) || !(t.shortest >= 0))
        return "nothing can be timed so";
    return nullptr;
}

/// Null if it can be what was measured, else what is wrong with it.
const char *why_no_measured(const Measured &m) {
    const auto no_time = [](double seconds) { return !std::isfinite(seconds) || seconds <= 0; };
    if (m.cold_seconds != 0 && no_time(m.cold_seconds)) return "the cold seconds are no time";
    if (std::any_of(m.rounds.begin(), m.rounds.end(), no_time)) return "a round has no time";
    return why_no_result(m.result);
}

LoadableKernel kernel_of(const Json &j) {
    LoadableKernel k;
    j.at("generator").get_to(k.generator);
    j.at("symbol").get_to(k.symbol);
    j.at("schedule").get_to(k.schedule);
    j.at("problem").get_to(k.problem);
    j.at("product").get_to(k.product);
    k.phase = integer_at<int>(j, "phase");
    k.format = parse_format(j.at("format"));
    k.isa = parse_isa(j.at("isa"));
    k.dtype = parse_dtype(j.at("dtype"));
    j.at("path").get_to(k.path);
    j.at("sha256").get_to(k.sha256);
    return k;
}

cuda::LoadableKernel cuda_kernel_of(const Json &j) {
    cuda::LoadableKernel k;
    j.at("generator").get_to(k.generator);
    j.at("symbol").get_to(k.symbol);
    j.at("schedule").get_to(k.schedule);
    j.at("product").get_to(k.product);
    k.format = parse_format(j.at("format"));
    k.dtype = parse_dtype(j.at("dtype"));
    j.at("path").get_to(k.path);
    j.at("sha256").get_to(k.sha256);
    j.at("images_path").get_to(k.images_path);
    j.at("images_sha256").get_to(k.images_sha256);
    return k;
}

}  // namespace

std::string format_job(const MeasureJob &job) {
    const TimingPlan &t = job.timing;
    Json json = {{"problem", format_problem(job.whole())},
                 {"phase", job.phase},
                 {"dense", job.dense},
                 {"threads", t.threads},
                 {"seconds", t.seconds},
                 {"least", t.least},
                 {"most", t.most},
                 {"flush_bytes", t.flush_bytes},
                 {"shortest", t.shortest}};
    if (!job.shipped.empty()) json["shipped"] = job.shipped;
    if (job.on_gpu()) {
        json["made_cuda"] = to_json(*job.made_cuda);
        json["gpu"] = job.gpu;
    } else if (job.shipped.empty()) {
        json["made"] = to_json(job.made);
    }
    return json.dump();
}

MeasureJob parse_job(const std::string &text) {
    return read(text, kJob, [](const Json &json) {
        MeasureJob job;
        const OperatorProblem problem = parse_operator_problem(json.at("problem"));
        job.problem = problem.sizes, job.op = problem.op, job.product = problem.product;
        job.phase = integer_at<int>(json, "phase");
        json.at("dense").get_to(job.dense);
        TimingPlan &t = job.timing;
        t.threads = integer_at<int>(json, "threads");
        json.at("seconds").get_to(t.seconds);
        t.least = integer_at<int>(json, "least");
        t.most = integer_at<int>(json, "most");
        t.flush_bytes = integer_at<size_t>(json, "flush_bytes");
        json.at("shortest").get_to(t.shortest);
        if (json.contains("shipped")) json.at("shipped").get_to(job.shipped);
        if (json.contains("made_cuda")) {
            job.made_cuda = cuda_kernel_of(json.at("made_cuda"));
            job.gpu = integer_at<int>(json, "gpu");
        } else if (job.shipped.empty()) {
            job.made = kernel_of(json.at("made"));
        }
        if (const char *why = why_no_job(job)) refuse(kJob, why);
        return job;
    });
}

std::string format_measured(const Measured &measured) {
    const Result &r = measured.result;
    return Json{{"outcome", outcome_name(r.outcome)},
                {"seconds", r.seconds},
                {"spread", r.spread},
                {"samples", r.samples},
                {"reason", r.reason},
                {"untuned_seconds", measured.untuned_seconds},
                {"cold_seconds", measured.cold_seconds},
                {"rounds", measured.rounds}}
        .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Measured parse_measured(const std::string &text) {
    return read(text, kMeasured, [](const Json &json) {
        Measured measured;
        Result &r = measured.result;
        const auto outcome = parse_outcome(json.at("outcome").get<std::string>());
        if (!outcome) refuse(kMeasured, "the outcome is unknown");
        r.outcome = *outcome;
        json.at("seconds").get_to(r.seconds);
        json.at("spread").get_to(r.spread);
        r.samples = integer_at<int>(json, "samples");
        json.at("reason").get_to(r.reason);
        json.at("untuned_seconds").get_to(measured.untuned_seconds);
        json.at("cold_seconds").get_to(measured.cold_seconds);
        json.at("rounds").get_to(measured.rounds);
        if (const char *why = why_no_measured(measured)) refuse(kMeasured, why);
        return measured;
    });
}

}  // namespace convwright
