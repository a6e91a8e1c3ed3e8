# SPDX-License-Identifier: Apache-2.0
"""Judges a stack that has come to rest: whether anything was lost, doubled or bent. It reads the databases, the
mails that arrived and the load's own record, and shares no code with the services."""
