# SPDX-License-Identifier: Apache-2.0
"""A multiplier of your own in C++, in the layers of a network.

Compiles examples/cpp/own_multiplier/product.cpp to a shared library and samples its function, as
own_multiplier.py does with one in Python. Prints error and accuracy beside exact products; writes a
picture. Exit status 1 without a C++ compiler, and when a layer does not give the sums of the
function. The compiler is that of the variable CXX, else c++.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from loaded import sums_agree, try_multipliers
from script import new_parser, run

from convwright.multipliers import exact, from_function

SOURCE = Path(__file__).parent / "cpp" / "own_multiplier" / "product.cpp"
NAME = "two ones of each weight"


def compiled(source: Path) -> ctypes.CDLL:
    """The shared library of one C++ file. Raises OSError with one sentence if it cannot be made."""
    compiler = os.environ.get("CXX", "c++")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "product.so"
        command = [compiler, "-std=c++20", "-O2", "-shared", "-fPIC", source, "-o", library]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise OSError(
                f"there is no C++ compiler {compiler!r}; install g++, or name one in CXX"
            ) from error
        if done.returncode != 0:
            raise OSError(f"{source.name} does not compile: {done.stderr.splitlines()[0]}")
        return ctypes.CDLL(str(library))


def main() -> int:
    options = new_parser(__doc__.splitlines()[0], picture="own_multiplier_cpp.png").parse_args()
    product = compiled(SOURCE).product
    product.argtypes, product.restype = (ctypes.c_int32, ctypes.c_int32), ctypes.c_int32
    own = from_function(product, format="int8")
    print(f"{NAME}: {own.describe()}")
    if not sums_agree(own, product):
        print("A layer does not give the sums of the function.", file=sys.stderr)
        return 1
    try_multipliers(options, {"exact": exact(), NAME: own})
    print("The layers give the sums of the function.")
    return 0


if __name__ == "__main__":
    run(main)
