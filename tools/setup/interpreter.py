# SPDX-License-Identifier: Apache-2.0
"""Which Python interpreters the pinned packages exist for. Any Python can read this file."""

OLDEST = (3, 10)
NEWEST = (3, 13)


def why_unfit(implementation, version, system, machine):
    """None when this interpreter fits, else one sentence: what is there, what to do."""
    if system != "Linux" or machine != "x86_64":
        return "Convwright runs on Linux on x86-64; this is %s on %s." % (system, machine)
    if implementation != "CPython" or not OLDEST <= version <= NEWEST:
        return (
            "this is %s %d.%d; Convwright needs CPython 3.10 to 3.13: "
            "name one, for example `make PYTHON=python3.12`." % ((implementation,) + version)
        )
    return None
