// SPDX-License-Identifier: Apache-2.0
#include "schedules/cuda/conv2d_direct.h"

namespace convwright {

void schedule_task_sum(TaskSum &a, const std::vector<Halide::RVar> &reduction) {
    // Stores nothing and leaves no kernel, but as a loop of the host it would ask for host memory.
    a.out.gpu_single_thread();
    Halide::Stage out = a.out.update();
    out.allow_race_conditions();  // every loop writes other elements
    out.unroll(a.out_i).gpu_threads(a.out_task).gpu_blocks(a.out_block).never_partition_all();
    a.sum.compute_at(a.out, a.out_task).bound(a.i, 0, OutputTasks::kPixels).unroll(a.i);
    a.sum.store_in(Halide::MemoryType::Register).never_partition_all();
    std::vector<Halide::VarOrRVar> order{a.i};
    order.insert(order.end(), reduction.begin(), reduction.end());
    a.sum.update().reorder(order).unroll(a.i).never_partition_all();
}

}  // namespace convwright
