// SPDX-License-Identifier: Apache-2.0
#include "tests/autotune/rugged_recording.h"

#include <algorithm>

#include "autotune/random.h"
#include "runtime/fnv.h"

namespace convwright {
namespace {

/// The draw that belongs to a text.
double draw(const std::string &text, double low, double high) {
    return low + (high - low) * Random(fnv1a(text)).uniform();
}

std::string join(std::initializer_list<int64_t> numbers) {
    std::string text;
    for (const int64_t number : numbers) text += " " + std::to_string(number);
    return text;
}

}  // namespace

Recording rugged_recording(uint64_t world) {
    SpaceKind kind;
    kind.name = "rugged";
    kind.knobs = {{"vec", {1, 2, 3, 4}},
                  {"tile", {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16}},
                  {"stage", {0, 1, 2}},
                  {"unroll", {1, 2, 4}}};
    kind.why_illegal = [](const std::vector<int> &v) {
        return v[0] * v[1] > 40 ? "the register tile would spill" : nullptr;
    };
    const Space all({"fprop_n8ci64ih28iw28co64kh3kw3s1p1_f32_nhwc", 0},
                    {plain_kind(kPytorchKind), kind});
    Recording recording =
        Recording::of(all, {"cpu/formula/" + std::to_string(world), "cores=1", "formula 1"});
    const std::string salt = std::to_string(world);
    for (const Point point : all.legal()) {
        Recording::Trial trial;
        const std::string text = all.text(point);
        if (text == kPytorchKind) {
            trial.result = {Outcome::kOk, 1.9e-3, 2e-5, 9, "", ""};
            recording.trials[text] = trial;
            continue;
        }
        const std::vector<int> v = all.values(point);
        const int vec = v[0], tile = v[1], stage = v[2], unroll = v[3];
        const double waste = (28 + tile - 1) / tile * tile / 28.0;
        const double spill = 1 + 0.12 * std::max(vec * tile + vec + 1 - 32, 0);
        const double chain = 1 + 4.0 / (vec * tile * unroll);
        const double staged = draw(salt + "stage" + join({stage}), 1, 1.6);
        const double noise =
            draw(salt + "pair" + join({tile, unroll}), 0.9, 1.25) * draw(salt + text, 0.95, 1.1);
        trial.predicted = waste * spill * chain *
                          draw(salt + "wrong" + join({vec, tile}), 0.8, 1.4) *
                          draw(salt + "wrong" + join({stage}), 0.8, 1.2);
        if (draw(salt + "fails" + text, 0, 16) < 1) {
            trial.result = {Outcome::kWrongAnswer, 0, 0, 0, "It fails by the formula.", ""};
        } else {
            const double seconds = 1e-3 * waste * spill * staged * chain * noise;
            trial.result = {Outcome::kOk, seconds, 0.01 * seconds, 9, "", ""};
        }
        recording.trials[text] = trial;
    }
    return recording;
}

}  // namespace convwright
