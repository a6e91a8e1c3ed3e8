# SPDX-License-Identifier: Apache-2.0
"""Kills at each named point of the work and by chance, under load; the referee finds nothing afterwards."""
import pathlib

import pytest
import requests
from campaign.faults import POINTS, deadly_programs
from campaign.round import Round
from client import Client, RunningStack, wait_until
from conftest import build_folder
from factory import funded_client, new_project, new_session, new_training, wait_for_budget

SEED = 20261122
SECONDS = 40


@pytest.fixture(scope="module")
def deadly(tmp_path_factory):
    """A stack whose programs die where they are told, and its plan."""
    folder = pathlib.Path(tmp_path_factory.mktemp("deadly"))
    programs, plan = deadly_programs(build_folder().resolve(), folder)
    stack = RunningStack(folder, programs)
    stack.start()
    yield stack, plan
    stack.stop()


@pytest.fixture(scope="module")
def round_of_kills(deadly):
    return Round(*deadly[:1], SEED, deadly[1])


@pytest.mark.parametrize("point", POINTS)
def test_somebody_dies_at_each_point_and_nothing_is_lost(deadly, round_of_kills, point):
    """One training is planned while whoever comes to the point first is killed."""
    stack, _ = deadly
    admin = Client(stack).log_in(stack.email, stack.password)
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    round_of_kills.faults.arm(point, 1)
    body = {"title": "Negotiating", "provider": "Formatys", "cost_cents": 810_000, "vat_rate_bp": 2000,
            "date": session["start_date"]}
    path = f"/v1/sessions/{session['id']}/trainings"

    def planned():
        try:
            return admin.post(path, body, key=f"training-{POINTS.index(point)}").status_code == 201
        except requests.ConnectionError:
            return False  # it was the gateway that died
    wait_until(planned)
    wait_until(lambda: round_of_kills.faults.deaths(point))
    wait_for_budget(admin, project, consumed_cents=810_000, state="alert")
    assert len(admin.read(path)["trainings"]) == 1


def test_a_campaign_of_kills_leaves_nothing_bent(deadly, round_of_kills):
    round_of_kills.play(SECONDS)
    findings = round_of_kills.judge()
    print(round_of_kills.summary())
    assert {what: found for what, found in findings.items() if found} == {}
