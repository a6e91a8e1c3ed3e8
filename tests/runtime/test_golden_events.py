# SPDX-License-Identifier: Apache-2.0
"""Every event that was ever told can be read for ever: the bytes in tests/golden/events.tsv say what they said."""
import base64
import json
import pathlib
import sys

import pytest
from event_messages import as_json, event_types, message_type

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
from make_events import golden_lines, missing_lines  # noqa: E402

HOW = "run tests/golden/make_events.py and commit the lines it adds"
ROWS = [line.split("\t") for line in golden_lines()]


@pytest.mark.parametrize("name, encoded, said", ROWS, ids=[row[0] for row in ROWS])
def test_a_golden_event_says_what_it_said(name, encoded, said):
    """No field of an event was renamed, renumbered, retyped or removed."""
    assert name in event_types(), f"{name} is in event logs and can't be removed from the contract"
    assert as_json(message_type(name).FromString(base64.b64decode(encoded))) == json.loads(said)


def test_every_event_type_has_a_golden_example():
    """A new type, or a new field of one, has its example from the day it is told."""
    assert [line.split("\t")[0] for line in missing_lines()] == [], HOW
