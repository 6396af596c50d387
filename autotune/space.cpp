// SPDX-License-Identifier: Apache-2.0
#include "autotune/space.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <unordered_map>

#include "runtime/fnv.h"

namespace convwright {
namespace {

constexpr Point kMostPoints = Point{1} << 24;

Point points_of(const SpaceKind &kind) {
    Point points = 1;
    for (const SpaceKind::KnobList &knob : kind.knobs) {
        if (knob.values.empty()) {
            throw std::invalid_argument("Knob " + knob.name + " of " + kind.name +
                                        " has no values; a list needs at least one.");
        }
        points *= knob.values.size();
        if (points > kMostPoints) {
            throw std::invalid_argument("The kind " + kind.name +
                                        " has more than 2^24 points; make several kinds of it.");
        }
    }
    return points;
}

/// Everything that a stored candidate relies on, as text.
std::string description(const std::vector<SpaceKind> &kinds) {
    std::string text;
    for (const SpaceKind &kind : kinds) {
        text += kind.name + " " + std::to_string(kind.version) + "\n";
        for (const SpaceKind::KnobList &knob : kind.knobs) {
            text += " " + knob.name + ":";
            for (const int value : knob.values) text += " " + std::to_string(value);
            text += "\n";
        }
    }
    return text;
}

}  // namespace

SpaceKind plain_kind(const std::string &name) {
    SpaceKind kind;
    kind.name = name;
    return kind;
}

Space::Space(Subject subject, std::vector<SpaceKind> kinds)
    : subject_(std::move(subject)), kinds_(std::move(kinds)) {
    for (size_t k = 0; k < kinds_.size(); k++) {
        for (size_t other = 0; other < k; other++) {
            if (kinds_[other].name == kinds_[k].name) {
                throw std::invalid_argument("Two kinds of a space are called " + kinds_[k].name +
                                            "; names tell stored candidates apart.");
            }
        }
        firsts_.push_back(size_);
        size_ += points_of(kinds_[k]);
        if (size_ > kMostPoints)
            throw std::invalid_argument(
                "A space has more than 2^24 points; search in parts of it.");
        judge(k);
    }
    hash_ = hex16(fnv1a(description(kinds_)));
}

/// A space of GPU schedules has millions of points: values are counted up in place, and reasons told apart by
/// where their text is.
void Space::judge(size_t kind) {
    const auto &knobs = kinds_[kind].knobs;
    std::unordered_map<const char *, int64_t> rejected;
    std::vector<size_t> places(knobs.size(), 0);
    std::vector<int> values;
    for (const auto &knob : knobs) values.push_back(knob.values.front());
    for (Point point = firsts_[kind]; point < size_; point++) {
        const char *why = kinds_[kind].why_illegal ? kinds_[kind].why_illegal(values) : nullptr;
        if (why == nullptr) {
            legal_.push_back(point);
        } else {
            rejected[why]++;
        }
        for (size_t i = knobs.size(); i-- > 0;) {  // the last knob counts fastest
            const bool over = ++places[i] == knobs[i].values.size();
            if (over) places[i] = 0;
            values[i] = knobs[i].values[places[i]];
            if (!over) break;
        }
    }
    for (const auto &[why, count] : rejected) rejected_[why] += count;
}

int Space::kind_of(Point point) const {
    return static_cast<int>(std::upper_bound(firsts_.begin(), firsts_.end(), point) -
                            firsts_.begin()) -
           1;
}

std::vector<int> Space::values(Point point) const {
    const int k = kind_of(point);
    const auto &knobs = kinds_[k].knobs;
    std::vector<int> values(knobs.size());
    Point rest = point - first(k);
    for (size_t i = knobs.size(); i-- > 0;) {  // the last knob counts fastest
        values[i] = knobs[i].values[rest % knobs[i].values.size()];
        rest /= knobs[i].values.size();
    }
    return values;
}

const char *Space::why_illegal(Point point) const {
    const SpaceKind &kind = kinds_[kind_of(point)];
    return kind.why_illegal ? kind.why_illegal(values(point)) : nullptr;
}

bool Space::is_legal(Point point) const {
    return std::binary_search(legal_.begin(), legal_.end(), point);
}

std::vector<Point> Space::neighbours(Point point) const {
    const int k = kind_of(point);
    const auto &knobs = kinds_[k].knobs;
    std::vector<Point> result;
    Point unit = 1;  // from the last knob to the first, turned round at the end
    for (size_t i = knobs.size(); i-- > 0;) {
        const Point count = knobs[i].values.size();
        const Point step = (point - first(k)) / unit % count;
        if (step + 1 < count && is_legal(point + unit)) result.push_back(point + unit);
        if (step > 0 && is_legal(point - unit)) result.push_back(point - unit);
        unit *= count;
    }
    std::reverse(result.begin(), result.end());
    return result;
}

std::string Space::text(Point point) const {
    const SpaceKind &kind = kinds_[kind_of(point)];
    const std::vector<int> v = values(point);
    std::string text = kind.name;
    for (size_t i = 0; i < v.size(); i++) {
        text += (i == 0 ? "/" : ",") + kind.knobs[i].name + ":" + std::to_string(v[i]);
    }
    return text;
}

std::optional<Point> Space::parse(std::string_view text) const {
    const std::string_view name = text.substr(0, text.find('/'));
    for (size_t k = 0; k < kinds_.size(); k++) {
        if (kinds_[k].name != name) continue;
        Point point = 0;
        std::string_view rest = text.substr(name.size());
        for (size_t i = 0; i < kinds_[k].knobs.size(); i++) {
            const SpaceKind::KnobList &knob = kinds_[k].knobs[i];
            std::optional<size_t> step;
            for (size_t s = 0; s < knob.values.size() && !step; s++) {
                const std::string item =
                    (i == 0 ? "/" : ",") + knob.name + ":" + std::to_string(knob.values[s]);
                const bool whole = rest.size() == item.size() ||
                                   (rest.size() > item.size() && rest[item.size()] == ',');
                if (!rest.starts_with(item) || !whole) continue;
                step = s;
                rest.remove_prefix(item.size());
            }
            if (!step) return std::nullopt;
            point = point * knob.values.size() + *step;
        }
        if (!rest.empty()) return std::nullopt;
        return first(static_cast<int>(k)) + point;
    }
    return std::nullopt;
}

double Space::predicted(Point point) const {
    const SpaceKind &kind = kinds_[kind_of(point)];
    return kind.predict ? kind.predict(values(point)) : std::numeric_limits<double>::quiet_NaN();
}

std::vector<Point> Space::ranked() const {
    std::vector<std::pair<double, Point>> costs;
    costs.reserve(legal_.size());
    for (const Point point : legal_) {
        const double cost = predicted(point);
        costs.push_back(
            {std::isnan(cost) ? -std::numeric_limits<double>::infinity() : cost, point});
    }
    std::sort(costs.begin(), costs.end());
    std::vector<Point> points;
    points.reserve(costs.size());
    for (const auto &[cost, point] : costs) points.push_back(point);
    return points;
}

}  // namespace convwright
