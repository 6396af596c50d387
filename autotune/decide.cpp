// SPDX-License-Identifier: Apache-2.0
#include "autotune/decide.h"

#include <algorithm>
#include <cstdio>

#include "autotune/paired_times.h"
#include "autotune/space.h"
#include "autotune/timing.h"

namespace convwright {
namespace {

/// Without rounds, as of recordings, a lead up to this is no reason to change what is in use.
constexpr double kTie = 1.02;
/// What moves a machine from one minute to the next, as the work of others in the same last-level cache, moved ratios
/// of memory-bound calls between 0.86 and 1.18.
constexpr double kClose = 1.2;
/// Times the calmest probe, from which others are at work on the same core: it took 1 or 1.8, and little between.
constexpr double kDisturbed = 1.3;

std::string factor(double ratio) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", ratio);
    return text;
}

/// Those that worked, the fastest first.
std::vector<const Contestant *> by_speed(const std::vector<Contestant> &times) {
    std::vector<const Contestant *> sorted;
    for (const Contestant &time : times)
        if (time.seconds > 0) sorted.push_back(&time);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Contestant *a, const Contestant *b) {
        return a->seconds < b->seconds;
    });
    return sorted;
}

/// The incumbent or else the default, if it worked.
const Contestant *in_use_of(const std::vector<Contestant> &times) {
    for (const char *role : {"incumbent", "default"})
        for (const Contestant &time : times)
            if (time.role == role && time.seconds > 0) return &time;
    return nullptr;
}

/// How `other` leads what is in use; nothing is certain where there are no rounds, as of recordings.
Lead lead_over(const Contestant &in_use, const Contestant &other) {
    Lead lead = lead_of(other.rounds, in_use.rounds);
    if (other.rounds.empty()) lead.ratio = in_use.seconds / other.seconds;
    return lead;
}

/// Whether `lead` is a reason to change what is in use.
bool suffices(const Lead &lead, const Contestant &other) {
    return lead.certain() || (other.rounds.empty() && lead.ratio > kTie);
}

/// What is taken of those that worked.
const Contestant *taken_of(const std::vector<const Contestant *> &sorted,
                           const Contestant *in_use) {
    if (in_use == nullptr) return sorted.front();
    return *std::find_if(sorted.begin(), sorted.end(), [&](const Contestant *time) {
        return time == in_use || suffices(lead_over(*in_use, *time), *time);
    });
}

}  // namespace

bool any_worked(const std::vector<Contestant> &times) { return !by_speed(times).empty(); }

std::pair<Contestant, std::string> decide(const std::vector<Contestant> &times) {
    const std::vector<const Contestant *> sorted = by_speed(times);
    const Contestant *const fastest = sorted.front(), *const in_use = in_use_of(times);
    const Contestant *const taken = taken_of(sorted, in_use);
    std::string reason;
    const char *separator = ": ";
    if (taken == fastest) {
        reason = "It is the fastest of those compared side by side";
    } else {
        const Lead lead = lead_over(*taken, *fastest);
        const size_t rounds = fastest->rounds.size();
        reason = std::string(taken == in_use ? "It was in use" : "It is ahead of what was in use") +
                 ", and " + fastest->candidate + " is not certainly faster (" + factor(lead.ratio) +
                 " times as fast";
        if (rounds > 0)
            reason += ", " + factor(lead.low) + " to " + factor(lead.high) + " by " +
                      std::to_string(rounds) + " rounds";
        reason += ")";
    }
    for (const Contestant &time : times) {
        if (&time == taken || &time == fastest || time.seconds <= 0) continue;
        reason += separator + factor(time.seconds / taken->seconds) + " times as fast as " +
                  (time.role == "pytorch" ? "PyTorch" : "the " + time.role);
        separator = ", ";
    }
    return {*taken, reason + "."};
}

bool is_disturbed(const std::vector<Contestant> &times, double calmest) {
    return calmest > 0 && std::any_of(times.begin(), times.end(), [&](const Contestant &time) {
               return time.probe_seconds > kDisturbed * calmest;
           });
}

std::vector<FinalTime> close_ones(const std::vector<Contestant> &times, double calmest) {
    const Contestant *const in_use = in_use_of(times);
    const bool all = in_use == nullptr || is_disturbed(times, calmest);
    std::vector<FinalTime> close;
    for (const Contestant &time : times) {
        const double most = is_algorithm(time.candidate) ? kClose : 1;
        if (time.seconds > 0 && (all || time.seconds <= most * in_use->seconds))
            close.push_back(time);
    }
    return close;
}

bool is_close(const std::vector<Contestant> &times, double calmest) {
    const std::vector<const Contestant *> sorted = by_speed(times);
    const Contestant *const in_use = in_use_of(times);
    if (sorted.empty() || in_use == nullptr || in_use->rounds.empty()) return false;
    if (sorted.front() != taken_of(sorted, in_use) || is_disturbed(times, calmest)) return true;
    const std::vector<FinalTime> close = close_ones(times, calmest);
    return std::any_of(sorted.begin(), sorted.end(), [&](const Contestant *time) {
        const auto same = [&](const FinalTime &one) { return one.candidate == time->candidate; };
        return time != in_use && std::any_of(close.begin(), close.end(), same) &&
               lead_over(*in_use, *time).ratio < kClose;
    });
}

void add_rounds(std::vector<Contestant> &times, const std::vector<Contestant> &later) {
    for (const Contestant &added : later) {
        const auto time = std::find_if(times.begin(), times.end(), [&](const Contestant &t) {
            return t.candidate == added.candidate;
        });
        if (time == times.end() || time->seconds <= 0) continue;
        if (added.seconds <= 0) {
            time->seconds = 0, time->rounds.clear();
            continue;
        }
        const std::string role = time->role;
        if (is_disturbed({added}, time->probe_seconds)) continue;
        if (is_disturbed({*time}, added.probe_seconds)) {
            *time = added;
            time->role = role;
            continue;
        }
        time->rounds.insert(time->rounds.end(), added.rounds.begin(), added.rounds.end());
        const Samples samples{time->rounds};
        time->seconds = samples.median();
        time->spread = samples.range();
        time->cold_seconds = (time->cold_seconds + added.cold_seconds) / 2;
        time->artifact = added.artifact;
    }
}

}  // namespace convwright
