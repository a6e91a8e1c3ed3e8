# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL is stopped, restarted, filled up or locked by a stranger: callers are told to come again, what was
acknowledged is stored, and everything goes on by itself."""
import uuid

import pytest
from client import Client, problem
from factory import funded_client, new_project
from interference import refusing
from races import at_once


@pytest.fixture(scope="module")
def disturbed(start_stack):
    return start_stack()


@pytest.fixture(scope="module")
def admin(disturbed):
    return Client(disturbed).log_in(disturbed.email, disturbed.password)


def session_body(title="Negotiation"):
    return {"title": title, "start_date": "2026-12-01", "end_date": "2026-12-02"}


def test_an_error_right_after_a_reconnection_is_over_with_its_cause(disturbed, admin):
    """What a new connection could not prepare behind a statement that failed is prepared when it is needed."""
    path = f"/v1/projects/{new_project(admin, funded_client(admin))['id']}/sessions"

    def post():
        return admin.post(path, session_body(), key=str(uuid.uuid4()))
    with refusing(disturbed, "sessions.outbox", "true", "53100"):
        disturbed.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sessions'")
        for answer in at_once(*[post] * 16):
            assert int(answer.headers["Retry-After"]) > 0 and problem(answer, 503, "unavailable")
    assert {answer.status_code for answer in at_once(*[post] * 16)} == {201}
