# SPDX-License-Identifier: Apache-2.0
"""What `convwright doctor` looks at. It works where PyTorch, the library or a package does not."""

from convwright._doctor.examination import examine

__all__ = ["examine"]
