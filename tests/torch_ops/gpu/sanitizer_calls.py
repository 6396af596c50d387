# SPDX-License-Identifier: Apache-2.0
"""A small set of calls for compute-sanitizer; run by test_gpu_sanitizer.py.

Each kernel that accepts one of a few problems, with tails in every dimension, and nothing of
cuDNN's: what the sanitizer reports is ours.
"""

from convwright import check

PROBLEMS = [
    f"{direction}_{shape}_f32_{memory_format}"
    for shape in ("n1ci20ih7iw9co36kh3kw3s1p1", "n1ci6ih9iw7co9kh2kw3s2p1g3")
    for direction in ("fprop", "dgrad", "wgrad")
    for memory_format in ("nhwc", "nchw")
]

if __name__ == "__main__":
    results = [result for p in PROBLEMS for result in check.check(p, device="cuda")]
    wrong = [f"{r.kernel}: {r.failure}" for r in results if r.failure]
    print(f"{len(results)} calls, {len(wrong)} wrong")
    raise SystemExit("\n".join(wrong) or 0)
