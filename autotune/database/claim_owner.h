// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace convwright {

/// This process, as others can look it up: "<boot>/<process>/<start>", where boot names this run of
/// this machine.
std::string claim_owner();

/// Whether an owner is known to have ended: a process of this run of this machine that is no more.
/// False for one elsewhere, of which nothing is known.
bool owner_has_ended(const std::string &owner);

}  // namespace convwright
