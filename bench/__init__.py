# SPDX-License-Identifier: Apache-2.0
"""Benchmarks beside PyTorch. `python bench/run.py --help` is where to start."""
