// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autotune/evaluator.h"

namespace convwright {

/// Whether some candidate of a comparison could be timed.
bool any_worked(const std::vector<Contestant> &times);

/// Which of candidates that were timed side by side is taken, and why in one sentence: the fastest that is certainly
/// (paired_times.h) ahead of what is in use, the incumbent or else the default; that stays where none is. By warm times.
/// Some candidate must have worked.
std::pair<Contestant, std::string> decide(const std::vector<Contestant> &times);

/// Whether others were at work on the machine while these were timed: `calmest` is the shortest that the piece of work of
/// Contestant::probe_seconds was seen to take, 0 where it was not.
bool is_disturbed(const std::vector<Contestant> &times, double calmest);

/// What is worth comparing again of a close comparison: what is in use, what is faster, and algorithms without a kernel
/// of their own that are a little slower, for the same minute is not as hard on them as on ours. Of a disturbed one
/// all that worked.
std::vector<FinalTime> close_ones(const std::vector<Contestant> &times, double calmest);

/// Whether something is faster than what is taken, or one of the others of close_ones() leads what is in use by so little
/// that another minute could tell otherwise: rounds of one minute are certain of what the machine is like in it. Or
/// whether that minute was disturbed.
bool is_close(const std::vector<Contestant> &times, double calmest);

/// Adds the rounds of a later comparison of some of the same candidates; where one of the two was disturbed and the other
/// not, the calm one's alone count. A candidate that failed in either did not work.
void add_rounds(std::vector<Contestant> &times, const std::vector<Contestant> &later);

}  // namespace convwright
