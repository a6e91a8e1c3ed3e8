# SPDX-License-Identifier: Apache-2.0
"""The rules of the product in plain Python, without the program: what must come of each operation."""
