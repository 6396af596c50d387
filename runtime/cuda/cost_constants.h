// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace convwright::cuda {

// What predictions take for granted of a multiprocessor, on all architectures from sm_75 on or on most of
// them.
constexpr double kProductsPerCycle = 128, kInstructionsPerCycle = 4;
constexpr int kWarp = 32;
// A load from memory with its barrier: what a turn takes if nothing else runs.
constexpr double kTurnLatency = 900;
constexpr double kLaunchCycles = 4000, kBlockCycles = 1500;
constexpr double kBytesPerCycle = 10;     // of memory
constexpr double kStoreInstructions = 6;  // with condition and address

}  // namespace convwright::cuda
