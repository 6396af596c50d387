# SPDX-License-Identifier: Apache-2.0
"""Peak of fused multiply-adds, float32: a loop in registers, compiled with Halide for this CPU.

Prints GFLOP/s of `python -m convwright.bench.fma_peak THREADS`. A program of its own, so that
Halide's thread pool and compiler are gone before anything else is timed. No sum of products can be
faster: each multiply-add counts 2, and only one cache line is read.
"""

import sys
import time

import halide as hl

# Independent chains of accumulators a thread: more than latency times FMA units of any core (4 * 2
# since Skylake and Zen), fewer than registers, 16 with AVX2 and 32 with AVX-512.
CHAINS = 12
STEPS = 1 << 21  # of a task: 3 ms at 4 GHz with two units of 16 lanes
TASKS = 4  # a thread, so that one that begins late does not keep the others waiting
TERMS = 16  # one cache line
ROUNDS = 9


def peak(threads: int) -> float:
    """GFLOP/s of `threads` threads together; the best of some rounds."""
    target = hl.get_host_target()
    lanes = target.natural_vector_size(hl.Float(32))
    width = CHAINS * lanes

    lane, task = hl.Var("lane"), hl.Var("task")
    step = hl.RDom([(0, STEPS)], "step")
    factor = hl.Param(hl.Float(32), "factor")
    factor.set(0.5)  # values stay near 1: no infinity, no denormal number
    terms = hl.Buffer(hl.Float(32), [TERMS], "terms")
    terms.fill(0.5)
    sums, out = hl.Func("sums"), hl.Func("out")
    sums[lane, task] = hl.f32(lane)
    # The term depends on the step, or there would be no loop over steps.
    sums[lane, task] = sums[lane, task] * factor + terms[step.x % TERMS]
    out[lane, task] = sums[lane, task]

    out.bound(lane, 0, width).vectorize(lane, lanes).unroll(lane)
    sums.compute_at(out, task).bound_extent(lane, width).vectorize(lane, lanes).unroll(lane)
    sums.update().reorder(lane, step).vectorize(lane, lanes).unroll(lane)
    if threads > 1:
        out.parallel(task)
    out.compile_jit(target)

    buffer = hl.Buffer(hl.Float(32), [width, TASKS * threads])
    # One thread by its processor time, as all that is timed with one thread.
    clock = time.thread_time if threads == 1 else time.perf_counter
    seconds = []
    for _ in range(ROUNDS):
        start = clock()
        out.realize(buffer)
        seconds.append(clock() - start)
    return 2.0 * width * TASKS * threads * STEPS / min(seconds) / 1e9


if __name__ == "__main__":
    print(peak(int(sys.argv[1])))
