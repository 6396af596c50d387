// SPDX-License-Identifier: Apache-2.0
#include "autotune/database/records.h"

#include <algorithm>
#include <cmath>

#include "autotune/cpu_spaces.h"
#include "runtime/pass_limits.h"

namespace convwright {
namespace {

constexpr size_t kLongestText = 1024, kLongestReason = 64 * 1024;

bool printable(const std::string &text, size_t longest) {
    return text.size() <= longest && std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return c >= 0x20 && c != 0x7f;
           });
}

bool is_name(const std::string &text) {
    return !text.empty() && printable(text, kLongestText) &&
           text.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
               "._-+/:,") == std::string::npos;
}

bool is_hash(const std::string &text) {
    return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_time(double seconds) { return std::isfinite(seconds) && seconds > 0; }
bool is_spread(double seconds) { return std::isfinite(seconds) && seconds >= 0; }

}  // namespace

std::optional<std::string> why_no_key(const SearchKey &key) {
    if (auto why = why_no_subject(key.subject.problem)) return why;
    if (key.subject.phase < kWholeProblem || key.subject.phase >= kMostPhases) {
        return "the phase is not one of -1 to 4095";
    }
    if (!is_hash(key.space)) return "the space is no 16 hexadecimal digits";
    const Environment &e = key.environment;
    if (e.identity.empty() || !printable(e.identity, kLongestText)) {
        return "the identity of the device is no printable text";
    }
    if (!printable(e.device, kLongestText) || !printable(e.versions, kLongestText)) {
        return "the device or the versions are no printable text";
    }
    return std::nullopt;
}

std::optional<std::string> why_no_record(const Record &record) {
    if (auto why = why_no_key(record.key)) return why;
    if (!is_name(record.candidate)) return "the candidate is no text of the form kind/knob:value";
    if (const char *why = why_no_result(record.result)) return why;
    if (record.result.reason.size() > kLongestReason) return "the reason is longer than 64 KB";
    return std::nullopt;
}

std::optional<std::string> why_no_choice(const Choice &choice) {
    if (auto why = why_no_key(choice.key)) return why;
    Result as_result{Outcome::kOk, choice.seconds, 0, 1, "", choice.artifact};
    if (const char *why = why_no_result(as_result)) return why;
    if (!is_name(choice.candidate)) return "the candidate is no text of the form kind/knob:value";
    if (choice.reason.size() > kLongestReason) return "the reason is longer than 64 KB";
    for (const FinalTime &final : choice.finals) {
        if (!is_name(final.role) || !is_name(final.candidate) || !is_time(final.seconds) ||
            !is_spread(final.spread) || !is_spread(final.cold_seconds)) {
            return "a time of the final comparison is not sound";
        }
    }
    return std::nullopt;
}

}  // namespace convwright
