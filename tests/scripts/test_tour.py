# SPDX-License-Identifier: Apache-2.0
"""The tour in README.md, played as it is written there."""
import os
import re
import subprocess

import pytest
from stack import REPOSITORY

TOUR_SECONDS_MAX = 90
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tour(stack):
    """What the tour's blocks print, one after the other in one shell that stops at the first error."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## A tour.*?(?=^## )", readme, re.MULTILINE | re.DOTALL).group()
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(BLOCK.findall(section))], cwd=REPOSITORY,
                            env=os.environ | {"STATE": str(stack.state)}, capture_output=True, text=True,
                            timeout=TOUR_SECONDS_MAX, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_tour_shows_the_mail_with_its_amount(tour):
    assert "Subject: " in tour and "2,000.00" in tour.replace("\u00a0", " ")


def test_tour_closes_its_project(admin, tour):
    client, = admin.read("/v1/clients", q="999999931")["clients"]
    project, = admin.read("/v1/projects", client_id=client["id"])["projects"]
    invoice, = admin.read(f"/v1/projects/{project['id']}/invoices")["invoices"]
    assert project["status"] == "closed"
    assert (invoice["net_cents"], invoice["gross_cents"]) == (17_000, 20_400)
    assert '"available_cents":9340000' in tour


def test_tour_downloads_the_invoice(stack, tour):
    assert (stack.state / "invoice.pdf").read_bytes().startswith(b"%PDF-")


def test_tour_reads_a_verified_audit_log(tour):
    assert '"type": "budgeting.ProjectClosed"' in tour
    assert '"verified":true' in tour
