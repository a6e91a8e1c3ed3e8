# SPDX-License-Identifier: Apache-2.0
"""What tests of invoicing share: plans, invoices, their PDF, the series of numbers."""
import contextlib
import datetime
import re
import subprocess
import zoneinfo

from client import wait_until
from facts import wait_until_settled
from factory import wait_for_status

PARIS = zoneinfo.ZoneInfo("Europe/Paris")
NUMBER = re.compile(r"(?:FA|AV)-(\d{4})-(\d{6})")


def plan_path(project):
    return f"/v1/projects/{project['id']}/billing-plan"


def billing_plan(caller, project):
    """The plan, which follows the project's opening within a moment."""
    return wait_until(lambda: (answer := caller.get(plan_path(project))).status_code == 200 and answer.json())


def close(caller, project):
    caller.act(f"/v1/projects/{project['id']}/close")
    return wait_for_status(caller, f"/v1/projects/{project['id']}", "closed")


def invoices(caller, **filters):
    return caller.read("/v1/invoices", **filters)["invoices"]


def the_invoice(caller, project):
    """The one invoice of a closed project."""
    (invoice,) = wait_until(lambda: invoices(caller, project_id=project["id"]))
    return invoice


def deliver_again(stack, type_, subject):
    """Invoicing gets the first event of this type about an object, and what its stream told since, once more."""
    stack.query("update invoicing.stream_cursor set sequence = e.sequence, hash = e.hash from {0}.event_log e "
                "where consumer = 'main' and producer = '{0}' and e.sequence = (select min(sequence) - 1 from {0}.event_log "
                "where type = %s and subject = %s)".format(type_.split(".", maxsplit=1)[0]), type_, subject["id"])


def pdf(caller, invoice):
    """The bytes of its PDF, once it is rendered."""
    return wait_until(lambda: (answer := caller.get(f"/v1/invoices/{invoice['id']}/pdf"))
                      .status_code == 200 and answer).content


def pdf_text(content, folder):
    """What a reader sees of a PDF, with ordinary spaces and one line a paragraph."""
    path = folder / "invoice.pdf"
    path.write_bytes(content)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    return " ".join(text.split())


def history(caller, project):
    """Types of what happened in a project."""
    entries = caller.read(f"/v1/projects/{project['id']}/history", page_size=200)["history_entries"]
    return [entry["type"] for entry in entries]


def day(instant=None, plus=0):
    """A date in words of the API; today's is that of Paris."""
    date = datetime.date.fromisoformat(instant) if instant else datetime.datetime.now(PARIS).date()
    return str(date + datetime.timedelta(days=plus))


@contextlib.contextmanager
def settings(admin, stack, changes, back):
    """Settings changed for a while: as invoicing knows them, when the block begins and after it."""
    def change(body):
        version = admin.change("/v1/settings", body)["version"]
        wait_until(lambda: stack.query("select 1 from invoicing.settings where version >= %s", version))
    change(changes)
    try:
        yield
    finally:
        change(back)


def all_sent(stack, column, value):
    """Whether the invoices of the client or the project whose id stands in this column are all mailed."""
    return stack.query("select 1 from invoicing.invoice join invoicing.invoice_state using (id) "
                       f"where {column} = %s and not mailed limit 1", value) == []


def settled(stack, client):
    """Waits until the client's invoices are sent and every event has taken effect."""
    wait_until(lambda: all_sent(stack, "client_id", client["id"]))
    wait_until_settled(stack)


def check_series(stack, kind="invoice"):
    """The numbers of all of a kind: of the year of their date, without a gap, in the order of dates."""
    rows = stack.query("select number, issue_date from invoicing.invoice where kind = %s order by number", kind)
    by_year = {}
    for number, issue_date in rows:
        year, place = NUMBER.fullmatch(number).groups()
        assert int(year) == issue_date.year
        by_year.setdefault(year, []).append(int(place))
    assert all(places == list(range(1, len(places) + 1)) for places in by_year.values())
    assert [issued for _, issued in rows] == sorted(issued for _, issued in rows)
