// SPDX-License-Identifier: Apache-2.0
// Strong definitions of the Halide runtime's weak hooks. Halide's frames are nounwind: nothing here
// throws. Nothing prints or aborts either; an error becomes a status and a text in the context.
#include <HalideRuntime.h>

#include "runtime/call_context.h"
#include "runtime/parallel_for.h"
#include "runtime/scratch.h"

namespace convwright {

namespace {

struct HalideLoop {
    void *user_context;
    halide_task_t task;
    uint8_t *closure;
};

}  // namespace
}  // namespace convwright

extern "C" {

void halide_error(void *user_context, const char *text) {
    if (user_context != nullptr)
        static_cast<convwright::CallContext *>(user_context)->set_error(text);
}

int halide_do_par_for(void *user_context, halide_task_t task, int min, int size, uint8_t *closure) {
    convwright::HalideLoop loop{user_context, task, closure};
    return convwright::parallel_loop(
        min, int64_t{min} + size,
        [](void *l, int64_t i) {
            const auto &halide = *static_cast<const convwright::HalideLoop *>(l);
            return halide.task(halide.user_context, static_cast<int>(i), halide.closure);
        },
        &loop);
}

void *halide_malloc(void *, size_t size) { return convwright::take_scratch(size); }

void halide_free(void *, void *pointer) { convwright::give_scratch(pointer); }

}  // extern "C"
