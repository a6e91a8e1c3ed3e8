# SPDX-License-Identifier: Apache-2.0
"""The page /docs/flows: drawn from the contract and the migrations, whole, and without anything from elsewhere."""
import re
from html.parser import HTMLParser

import pytest
from client import Client

OBJECTS = {"Client": ("pending", "active", "archived"), "User": ("invited", "active", "disabled"),
           "Project": ("open", "closing", "closed"), "Session": ("planned", "completed", "cancelled"),
           "FundingCall": ("draft", "sent", "accepted", "declined", "expired", "cancelled"),
           "Invoice": ("issued", "sent", "partially paid", "paid", "credited"),
           "Message": ("queued", "sent", "failed", "cancelled")}


@pytest.fixture(scope="module")
def answer(stack):
    return Client(stack).get("/docs/flows")


@pytest.fixture(scope="module")
def page(answer):
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text


def section(page, name):
    """The part of the page under a heading's id, up to the next heading of that rank."""
    return re.search(rf'<h(\d) id="{name}">.*?(?=<h\1|</body>)', page, re.S).group()


def test_nothing_comes_from_elsewhere_and_nothing_runs(answer, page):
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<(script|link|img|iframe|object)\b|\son\w+=|\sstyle=|url\(|@import|https?://", page.replace(
        'url(#arrow)', ""))


def test_the_page_is_well_formed(page):
    class Balance(HTMLParser):
        open = []

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert self.open.pop() == tag
    parser = Balance()
    parser.feed(page)
    assert parser.open == []


@pytest.mark.parametrize("name", OBJECTS)
def test_every_state_of_an_object_is_drawn_and_reached(page, name):
    drawn = section(page, f"states-{name}")
    for state in OBJECTS[name]:
        assert f">{state}</text>" in drawn


def test_every_operation_is_a_use_case_of_one_role(admin, page):
    cases = section(page, "use-cases")
    for path, operations in admin.read("/openapi.json")["paths"].items():
        for verb in operations:
            if path.startswith("/v1/"):
                assert cases.count(f"<code>{verb.upper()} {path}</code>") == 1


def test_the_two_scenarios_reach_budget_and_invoice(page):
    scenarios = section(page, "scenarios")
    told = re.findall(r'class="event-label"[^>]*>(\w+)</text>', scenarios)
    planning, invoicing = told[:3], told[3:]
    assert planning == ["SessionPlanned", "TrainingAdded", "BudgetChanged"]
    assert invoicing[:3] == ["TrainingAdded", "BudgetThresholdReached", "FundingCallSent"]
    assert invoicing[-1] == "InvoiceSent"


@pytest.fixture(scope="module")
def tables(page):
    """What the page says of each table, by schema and name; the shared ones stand once."""
    return {tuple(name.split("-")): text for name, text in re.findall(
        r'<details id="table-([\w-]+)">(.*?)</details>', section(page, "data"), re.S)}


def test_every_table_and_column_of_the_database_is_in_the_data_model(stack, tables):
    columns = stack.query("select table_schema, table_name, column_name from information_schema.columns "
                          "where table_schema = any(%s) and table_name <> 'schema_migration'", stack.place.services())
    for schema, table, column in columns:
        shown = tables.get((schema, table)) or tables["common", table]
        assert f"<code>{column}</code>" in shown, (schema, table, column)


def test_every_reference_of_the_database_is_in_the_data_model(stack, tables):
    keys = stack.query("select n.nspname, c.relname, f.relname from pg_constraint k join pg_class c on c.oid = k.conrelid "
                       "join pg_class f on f.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace "
                       "where k.contype = 'f' and n.nspname = any(%s)", stack.place.services())
    for schema, table, target in keys:
        assert f'<a href="#table-{schema}-{target}">' in tables[schema, table], (schema, table, target)
