# SPDX-License-Identifier: Apache-2.0
"""Kills at each named point of the work and by chance, under load, with two brokers; the referee finds nothing
afterwards."""
import pathlib
import random

import pytest
import requests
from campaign.faults import POINTS, Faults
from campaign.round import Round
from campaign.stand import Stand
from client import Client, wait_until
from conftest import build_folder, crashes
from factory import funded_client, new_project, new_session, wait_for_budget

SEED = 20261122
SECONDS = 120
WRITES_MIN = 100


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """A stack whose programs die where they are told."""
    stand = Stand(pathlib.Path(tmp_path_factory.mktemp("deadly")), build_folder().resolve(), brokers=2, seed=SEED)
    stand.start()
    yield stand
    stand.stop()


@pytest.fixture(scope="module")
def faults(stand):
    return Faults(stand, random.Random(SEED))


@pytest.mark.parametrize("point", POINTS)
def test_somebody_dies_at_each_point_and_nothing_is_lost(stand, faults, point):
    """One training is planned while whoever comes to the point first is killed."""
    admin = Client(stand.stack).log_in(stand.stack.email, stand.stack.password)
    project = new_project(admin, funded_client(admin))
    session = new_session(admin, project)
    faults.arm(point, 1)
    body = {"title": "Negotiating", "provider": "Formatys", "cost_cents": 810_000, "vat_rate_bp": 2000,
            "date": session["start_date"]}
    path = f"/v1/sessions/{session['id']}/trainings"

    def planned():
        try:
            return admin.post(path, body, key=f"training-{POINTS.index(point)}").status_code == 201
        except requests.ConnectionError:
            return False  # it was the gateway that died
    wait_until(planned)
    wait_until(lambda: faults.deaths(point))
    wait_for_budget(admin, project, consumed_cents=810_000, state="alert")
    assert len(admin.read(path)["trainings"]) == 1


def test_a_campaign_of_kills_leaves_nothing_bent(stand, faults):
    """Everything that can be done to a stack was done, and hit; callers got their work done all the while."""
    played = Round(stand.stack, SEED, faults)
    played.play(SECONDS)
    findings = played.judge()
    print(played.summary())
    assert {what: found for what, found in findings.items() if found} == {}
    assert faults.missed() == [] and stand.failures == []
    assert played.acknowledged() >= WRITES_MIN
    assert list(crashes(stand.stack)) == []
