// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Halide.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codegen/thread_addresses.h"

namespace convwright {

/// Which accesses of memory that threads share a kernel's barriers lie between.
class MemoryOrder {
public:
    /// Barriers are numbered in the order of the text, from 0.
    MemoryOrder(const Halide::Internal::Stmt &nest, ThreadLoops threads);

    int barriers() const { return barriers_; }

    /// Whether the barrier orders accesses of different threads to one element, or may do so.
    bool is_needed(int barrier);

    /// From here on the barrier counts as not there.
    void drop(int barrier) { dropped_[barrier] = true; }

private:
    struct Access {
        std::string buffer;
        bool write;
        Halide::Expr index;
        int bytes;  // of an element: one allocation may hold several types
    };
    using Set = std::vector<bool>;  // of accesses, by number

    /// The nest as far as order goes.
    struct Node {
        enum Kind { kAccesses, kBarrier, kSequence, kLoop, kBranch } kind = kSequence;
        std::vector<int> accesses;
        int barrier = -1;
        std::vector<Node> parts;
    };
    class Builder;

    Set flow(const Node &node, Set in, bool forward, std::vector<Set> &at_barriers) const;
    Set flow_through(const std::vector<Node> &parts, Set in, bool forward,
                     std::vector<Set> &at_barriers) const;
    bool conflict(const Set &before, const Set &after);
    const std::optional<std::vector<int64_t>> &addresses(int access);

    const ThreadLoops threads_;
    std::vector<Access> accesses_;
    std::map<std::string, int> granules_;  // bytes per buffer that divide each of its elements
    std::map<int, std::optional<std::vector<int64_t>>> addresses_;  // in granules
    Node root_;
    int barriers_ = 0;
    std::vector<bool> dropped_;
};

}  // namespace convwright
