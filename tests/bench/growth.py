# SPDX-License-Identifier: Apache-2.0
"""What a thousand times as many trainings cost a reader: the same reads among 1 000 trainings and among 1 000 000, on two
stacks in turn, so that both share whatever else goes on."""
import time

from factory import funded_client, new_project, new_session, new_training
from effects import settle
from figures import percentile, say
from stand import BENCH, Stand

TRAININGS_FEW, TRAININGS_MANY = 1_000, 1_000_000
TRAININGS_PER_SESSION = SESSIONS_PER_PROJECT = 10
# One read in a hundred waits for what either stack does once a second: p99 stands on that edge, and of fewer reads tells
# nothing.
READS = 5_000
# Each of four workers plans a statement five times anew before it keeps a plan.
WARM_READS = 40


def fill(stand, client, trainings):
    """Projects with sessions and trainings as all services would have them, balances included."""
    projects = trainings // TRAININGS_PER_SESSION // SESSIONS_PER_PROJECT
    connection = stand.stack.connect()
    with connection.cursor() as cursor:
        cursor.execute((BENCH / "fill.sql").read_text(encoding="utf-8"),
                       {"client": client["id"], "projects": projects, "sessions": SESSIONS_PER_PROJECT,
                        "trainings": TRAININGS_PER_SESSION})
        for schema in ("sessions", "budgeting", "invoicing", "funding", "notifications"):
            cursor.execute("select tablename from pg_tables where schemaname = %s", (schema,))
            for (table,) in cursor.fetchall():
                cursor.execute(f"vacuum (analyze) {schema}.{table}")
        cursor.execute("checkpoint")
    connection.close()


def reads(project, session, client):
    return {
        "budget": f"/v1/projects/{project['id']}/budget", "trainings": f"/v1/sessions/{session['id']}/trainings",
        "sessions": f"/v1/projects/{project['id']}/sessions", "projects": "/v1/projects",
        "projects of a client": f"/v1/projects?client_id={client['id']}",
        "ledger": f"/v1/projects/{project['id']}/ledger", "dashboard": "/v1/dashboard",
    }


def seconds(stand, path):
    started = time.monotonic()
    answer = stand.admin.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return time.monotonic() - started


def fill_both(few, many, count):
    """The paths to read, by stack; each has the same objects of its own."""
    paths = {}
    for stand, trainings in ((few, TRAININGS_FEW), (many, count)):
        client = funded_client(stand.admin, 1_000_000_000)
        project = new_project(stand.admin, client, 1_000_000, auto_funding_call=False)
        session = new_session(stand.admin, project)
        for _ in range(TRAININGS_PER_SESSION):
            new_training(stand.admin, session, 100)
        settle(stand)
        started = time.monotonic()
        fill(stand, client, trainings)
        say(f"  {trainings} trainings made in {time.monotonic() - started:.0f} s")
        paths[stand] = reads(project, session, client)
    return paths


def compare(few, many, paths, count):
    """{name: ([seconds among few], [seconds among many])}; all reads in turn, on both stacks one after the other."""
    took = {name: ([], []) for name in paths[few]}
    for number in range(count + WARM_READS):
        for name, both in took.items():
            for stand, values in zip((few, many), both):
                passed = seconds(stand, paths[stand][name])
                if number >= WARM_READS:
                    values.append(passed * 1000)
    return took


def measure(stand, table):
    count = TRAININGS_MANY // 20 if stand.options.quick else TRAININGS_MANY
    few = Stand(stand.folder / "few", stand.options)
    few.folder.mkdir()
    try:
        few.start()
        paths = fill_both(few, stand, count)
        took = compare(few, stand, paths, READS // 10 if stand.options.quick else READS)
    finally:
        few.stack.stop()
    for name, both in took.items():
        small, large = (percentile(values, 99) for values in both)
        middle = percentile(both[1], 50) / percentile(both[0], 50)
        table.add(f"growth of {name}", large / small, "×", most=1.5,
                  note=f"p99 {small:.1f} ms among {TRAININGS_FEW} trainings, {large:.1f} ms among {count}; "
                       f"of p50 {middle:.2f} ×")
