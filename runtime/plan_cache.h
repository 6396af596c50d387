// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/conv_problem.h"

namespace convwright {

/// The last plans of a thread, direct-mapped. A training step asks for the same few dozen problems
/// again and again; ranking costs a microsecond and more, a look-up 30 ns. Not thread-safe.
template<typename Plan>
class PlanCache {
public:
    /// The plan of `problem`, from make() where it is not kept. `variant` is what else the plan
    /// depends on, `name` too: the kernel that force_kernel() named, or a product. Valid until the next call.
    template<typename Make>
    const Plan &get(const ConvProblem &problem, int64_t variant, const std::string &name,
                    Make make) {
        Slot &slot = slots_[hash(problem, variant) % slots_.size()];
        if (!slot.used || slot.variant != variant || !(slot.problem == problem) ||
            slot.name != name) {
            slot.used = false;  // should make() throw
            slot.plan = make();
            slot.problem = problem, slot.variant = variant, slot.name = name;
            slot.used = true;
        }
        return slot.plan;
    }

private:
    struct Slot {
        bool used = false;
        int64_t variant = 0;
        std::string name;
        ConvProblem problem;
        Plan plan;
    };
    static size_t hash(const ConvProblem &p, int64_t variant) {
        size_t h = static_cast<size_t>(variant);
        for (const int64_t v : {p.n, p.ci, p.ih, p.iw, p.co, p.kh, p.kw, p.stride_h, p.groups,
                                static_cast<int64_t>(p.direction), static_cast<int64_t>(p.format),
                                static_cast<int64_t>(p.dtype)}) {
            h = h * 1000003 + static_cast<size_t>(v);
        }
        return h ^ (h >> 17);
    }
    std::array<Slot, 64> slots_;
};

}  // namespace convwright
