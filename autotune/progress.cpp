// SPDX-License-Identifier: Apache-2.0
#include "autotune/progress.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace convwright {
namespace {

using Json = nlohmann::json;
using Kind = TunerEvent::Kind;

}  // namespace

void Progress::show(const TunerEvent &event) {
    if (event.kind == Kind::kTask) {
        tried_ = known_ = 0;
        failed_.clear();
    }
    if (event.kind == Kind::kResult) {
        tried_++;
        known_ += event.known;
        if (event.result.outcome != Outcome::kOk) failed_[outcome_name(event.result.outcome)]++;
    }
    json_ ? show_json(event) : show_text(event);
}

void Progress::show_json(const TunerEvent &event) {
    const char *const names[] = {"task", "result", "choice", "left", "notice"};
    Json json = {{"event", names[static_cast<int>(event.kind)]},
                 {"problem", event.task->subject.problem},
                 {"phase", event.task->subject.phase},
                 {"number", event.number},
                 {"count", event.count},
                 {"left_seconds", event.left_seconds}};
    if (event.kind == Kind::kResult) {
        json["candidate"] = event.candidate;
        json["outcome"] = outcome_name(event.result.outcome);
        json["seconds"] = event.result.seconds;
        json["reason"] = event.result.reason;
        json["known"] = event.known;
        json["best_seconds"] = event.best_seconds;
        json["tried"] = tried_;
        json["failed"] = failed_;
    } else if (event.kind == Kind::kNotice) {
        json["notice"] = event.notice;
    } else if (event.kind == Kind::kLeft) {
        json["reason"] = event.notice;
    } else if (event.kind == Kind::kChoice) {
        json["candidate"] = event.candidate;
        json["seconds"] = event.choice.seconds;
        json["reason"] = event.choice.reason;
        for (const FinalTime &time : event.choice.finals)
            json["finals"][time.role] = {{"candidate", time.candidate},
                                         {"seconds", time.seconds},
                                         {"cold_seconds", time.cold_seconds}};
    }
    std::puts(json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    std::fflush(stdout);
}

void Progress::show_text(const TunerEvent &event) {
    const std::string name =
        event.task->subject.problem + (event.task->subject.phase == 0
                                           ? ""
                                           : " pass " + std::to_string(event.task->subject.phase));
    switch (event.kind) {
        case Kind::kTask:
            std::fprintf(stderr, "[%zu/%zu] %s (%.0f s left)\n", event.number + 1, event.count,
                         name.c_str(), event.left_seconds);
            break;
        case Kind::kResult:
            std::fprintf(stderr, "  %3lld  %-10s %9.3f ms  best %9.3f ms  %s%s\n",
                         static_cast<long long>(tried_), outcome_name(event.result.outcome),
                         event.result.seconds * 1e3, event.best_seconds * 1e3,
                         event.candidate.c_str(), event.known ? " (known)" : "");
            break;
        case Kind::kChoice: {
            std::printf("%s\t%s\t%.4f ms\t%s\n", name.c_str(), event.candidate.c_str(),
                        event.choice.seconds * 1e3, event.choice.reason.c_str());
            if (known_ > 0)
                std::fprintf(stderr, "  %lld of %lld results were known.\n",
                             static_cast<long long>(known_), static_cast<long long>(tried_));
            for (const auto &[outcome, count] : failed_)
                std::fprintf(stderr, "  %lld candidates: %s\n", static_cast<long long>(count),
                             outcome.c_str());
            break;
        }
        case Kind::kNotice:
            std::fprintf(stderr, "  %s\n", event.notice.c_str());
            break;
        case Kind::kLeft:
            std::fprintf(stderr, "[%zu/%zu] %s: %s\n", event.number + 1, event.count, name.c_str(),
                         event.notice.c_str());
            break;
    }
    std::fflush(stdout);
}

void Progress::end(size_t chosen, size_t tasks) {
    if (!json_) std::fprintf(stderr, "%zu of %zu problems have a choice.\n", chosen, tasks);
}

}  // namespace convwright
