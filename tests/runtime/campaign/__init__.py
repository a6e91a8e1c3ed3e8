# SPDX-License-Identifier: Apache-2.0
"""Kills, stops and restarts the programs of a stack under load, lets it heal, and has the referee judge it."""
