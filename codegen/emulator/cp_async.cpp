// SPDX-License-Identifier: Apache-2.0
#include "codegen/emulator/cp_async.h"

#include "codegen/emulator/bounds.h"

namespace convwright::emulator {
namespace {

// Null if it may be done.
const char *why_wrong(const void *shared, const void *global, int bytes, int source_bytes) {
    if (bytes != 4 && bytes != 8 && bytes != 16) return "copies neither 4 nor 8 nor 16 bytes";
    if (source_bytes < 0 || source_bytes > bytes) return "reads more bytes than it writes";
    const auto size = static_cast<size_t>(bytes);
    if (reinterpret_cast<uintptr_t>(shared) % size != 0) return "writes to a misaligned address";
    if (reinterpret_cast<uintptr_t>(global) % size != 0) return "reads from a misaligned address";
    if (!shared_memory().contains(shared, size)) return "writes outside shared memory";
    if (out_of_bounds(shared, size)) return "writes out of bounds in shared memory";
    if (source_bytes == 0) return nullptr;
    if (shared_memory().contains(global, 1)) return "reads from shared memory";
    if (out_of_bounds(global, static_cast<size_t>(source_bytes))) return "reads out of bounds";
    return nullptr;
}

}  // namespace

void cp_async(void *shared, const void *global, int bytes, int source_bytes, const Where &where) {
    if (const char *why = why_wrong(shared, global, bytes, source_bytes)) {
        report("cp_async of " + std::to_string(bytes) + " bytes in " + line_of(where) + " " + why);
        stop();
    }
    async_copies().start(shared, global, static_cast<size_t>(bytes),
                         static_cast<size_t>(source_bytes));
    ++counters().async_copies;
    counters().async_bytes += bytes;
}

}  // namespace convwright::emulator
