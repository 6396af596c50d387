# SPDX-License-Identifier: Apache-2.0
"""Timing beside PyTorch: the engine of `convwright bench`, and of the scripts of a checkout."""
