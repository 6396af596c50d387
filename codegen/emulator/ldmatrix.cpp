// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/ldmatrix.h"

#include <cstring>

#include "codegen/emulator/bounds.h"

namespace convwright::emulator {
namespace {

constexpr int kSide = 8;  // rows and columns
constexpr size_t kRowBytes = kSide * sizeof(uint16_t);

struct Frame {
    const void *row;
    uint32_t *registers;
    int count;
    bool transposed;
};

// Null if the row may be read.
const char *why_wrong(const void *row) {
    if (reinterpret_cast<uintptr_t>(row) % kRowBytes != 0) return "reads from a misaligned address";
    if (!shared_memory().contains(row, kRowBytes)) return "reads outside shared memory";
    if (out_of_bounds(row, kRowBytes)) return "reads out of bounds in shared memory";
    return nullptr;
}

void load(void *const *frames, unsigned) {
    const auto frame = [&](unsigned lane) { return static_cast<const Frame *>(frames[lane]); };
    for (int i = 0; i < frame(0)->count; ++i) {
        uint16_t matrix[kSide][kSide];
        for (int j = 0; j < kSide; ++j)
            std::memcpy(matrix[j], frame(static_cast<unsigned>(kSide * i + j))->row, kRowBytes);
        for (unsigned lane = 0; lane < kWarpThreads; ++lane) {
            const unsigned group = lane / 4, t = lane % 4;
            const bool transposed = frame(lane)->transposed;
            const uint32_t low = transposed ? matrix[2 * t][group] : matrix[group][2 * t],
                           high = transposed ? matrix[2 * t + 1][group] : matrix[group][2 * t + 1];
            frame(lane)->registers[i] = low | high << 16;
        }
    }
}

}  // namespace

void ldmatrix(uint32_t *registers, int count, bool transposed, const void *row,
              const Where &where) {
    if (lane() < static_cast<unsigned>(kSide * count)) {
        if (const char *why = why_wrong(row)) {
            report("ldmatrix in " + line_of(where) + " " + why);
            stop();
        }
    }
    Frame frame{row, registers, count, transposed};
    collective("ldmatrix", kAllLanes, load, &frame, where);
}

}  // namespace convwright::emulator
