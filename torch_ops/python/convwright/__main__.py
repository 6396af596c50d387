# SPDX-License-Identifier: Apache-2.0
"""`python -m convwright`: the command line where its script is not on the PATH."""

import sys

from convwright.cli import main

if __name__ == "__main__":
    sys.exit(main())
