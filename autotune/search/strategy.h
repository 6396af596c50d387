// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <unordered_set>

#include "autotune/space.h"

namespace convwright {

/// A way to choose what to measure next. Ask and tell: no I/O, no clock, no threads. What is asked for depends only on the
/// space, the seed, and the order of asks and tells, so that a search can be repeated, and taken up after a kill, without
/// a device. Several points may be asked for before the first is told.
class Strategy {
public:
    virtual ~Strategy() = default;

    /// A legal point that was neither asked for nor told before; nothing when this strategy has no
    /// more to say, for now or for ever.
    virtual std::optional<Point> ask() = 0;

    /// Cost of a legal point in seconds, infinity if it failed; also of points that others asked for.
    virtual void tell(Point point, double seconds) = 0;
};

/// The points that were asked for or told.
class SeenPoints {
public:
    /// Whether it is new; it is not from now on.
    bool add(Point point) { return seen_.insert(point).second; }
    bool contains(Point point) const { return seen_.contains(point); }
    size_t size() const { return seen_.size(); }

private:
    std::unordered_set<Point> seen_;
};

}  // namespace convwright
