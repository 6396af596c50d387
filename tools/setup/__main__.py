# SPDX-License-Identifier: Apache-2.0
"""`python3 tools/setup [--python-chosen]`: makes a fresh machine ready to build. See --help.

This file and interpreter.py are written in the syntax of any Python, so that an old one gets a
sentence and not a SyntaxError.
"""

import platform
import sys

from interpreter import why_unfit

problem = why_unfit(
    platform.python_implementation(), sys.version_info[:2], platform.system(), platform.machine()
)
if problem:
    sys.exit("Set-up: " + problem)

from steps import main  # needs the syntax of Python 3.10

sys.exit(main())
