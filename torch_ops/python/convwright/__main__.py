# SPDX-License-Identifier: Apache-2.0
"""The command line, `python -m convwright`.

Exit status: 0 every kernel is right, 1 a kernel is wrong, 2 usage.
"""

import argparse
import sys

from convwright import LibraryMissing
from convwright.check import check


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m convwright")
    commands = parser.add_subparsers(dest="command", required=True)
    check_parser = commands.add_parser(
        "check", help="compare the kernels of one problem with PyTorch, tolerance 0"
    )
    check_parser.add_argument("problem", help="such as fprop_n8ci64ih56iw56co64kh3kw3s1p1_f32_nhwc")
    check_parser.add_argument("--kernel", help="only this kernel (default: all that accept it)")
    check_parser.add_argument("--seed", type=int, default=0, help="of the values (default: 0)")
    check_parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:1")
    options = parser.parse_args(arguments)
    try:
        return _check(options)
    except (LibraryMissing, RuntimeError, ValueError) as error:
        parser.error(str(error))


def _check(options: argparse.Namespace) -> int:
    failed = False
    for result in check(options.problem, options.kernel, options.seed, options.device):
        failed |= result.failure is not None
        verdict = f"FAIL: {result.failure}" if result.failure else "ok"
        print(f"{result.kernel}  {result.schedule}  {result.isa}  {verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
