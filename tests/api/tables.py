# SPDX-License-Identifier: Apache-2.0
"""What the tables hold: their fingerprints to compare, and where a text lies."""
from client import wait_until

# What moves by itself: leases, cursors, and the note when a token was last used.
RESTLESS = ("stream_head", "stream_cursor", "access_token", "instance", "watched_service")
# A test that wants a mail to wait sets it a day ahead.
UNTRIED_MAILS = "notifications.message where status = 'queued' and attempts = 0 and due_at < now() + interval '1 hour'"
# The last transaction that wrote one of its rows, by its distance from the first there is: even a change to the same
# values shows.
ALL_TABLES = """
select format('select %%L as name, count(*) as rows, age(''3''::xid) - min(age(t.xmin)) as written from %%I.%%I t',
              n.nspname || '.' || c.relname, n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = any(%s) and c.relname <> all(%s)"""


def fingerprint_statement(stack, services, restless):
    """SQL: name of each table of these services, how many rows it has, and who wrote last."""
    return " union all ".join(statement for (statement,) in stack.query(ALL_TABLES, list(services), list(restless)))


class Fingerprints:
    """How many rows each table of all services has, and who wrote last, over one connection."""

    def __init__(self, stack):
        self.stack, self.last = stack, None
        self.connection = stack.connect()
        with self.connection.cursor() as cursor:
            cursor.execute(f"prepare fingerprints as {fingerprint_statement(stack, stack.place.services(), RESTLESS)}")

    def take(self):
        with self.connection.cursor() as cursor:
            cursor.execute("execute fingerprints")
            self.last = {name: (rows, written) for name, rows, written in cursor.fetchall()}
        return self.last

    def works(self):
        with self.connection.cursor() as cursor:
            cursor.execute(f"{work_under_way(self.stack.place.services())} limit 1")
            return cursor.rowcount > 0

    def settled(self):
        """Once every event is told to everybody, every mail was tried, every document rendered and nothing moves any more."""
        self.last = None
        wait_until(lambda: not self.works() and self.last == self.take())
        return self.last

    def close(self):
        self.connection.close()


def events_under_way(services):
    """SQL: a row for each event that is not yet numbered, each stream that somebody who follows it has not yet applied."""
    def rows(columns, table):
        return " union all ".join(f"select '{service}' as service, {columns} from {service}.{table}"
                                  for service in services)
    return (f"select seen.service || ' is at ' || seen.sequence || ' of ' || head.service || ':' || head.sequence as work "
            f"from ({rows('sequence', 'stream_head')}) head "
            f"join ({rows('consumer, producer, sequence', 'stream_cursor')}) seen on seen.producer = head.service "
            f"where seen.consumer in ('main', 'audit') and seen.sequence < head.sequence "
            f"union all select untold.service || ' has not numbered ' || event_id "
            f"from ({rows('event_id', 'outbox')}) untold")


def work_under_way(services):
    """SQL: that, and a row for each mail not yet tried once, each document not yet rendered."""
    return (f"{events_under_way(services)} union all select 'untried mail ' || id from {UNTRIED_MAILS} "
            "union all select 'unrendered invoice ' || id from invoicing.invoice_rendering")


def tables_holding(stack, text):
    """The tables of all services in which a text lies, as text or within bytes."""
    names = stack.query("select schemaname || '.' || tablename from pg_tables where schemaname = any(%s)",
                        stack.place.services())
    search = " union all ".join(
        f"select '{name}' from (select t::text as row from {name} t offset 0) rows "  # so that each becomes text once
        f"where position(%s in row) > 0 or position(%s in row) > 0 group by 1" for (name,) in names)
    encoded = text.encode().hex()
    return {name for (name,) in stack.query(search, *([text, encoded] * len(names)))}
