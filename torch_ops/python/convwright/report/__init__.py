# SPDX-License-Identifier: Apache-2.0
"""`convwright report`: results and tuning records as one HTML file, and plots."""
