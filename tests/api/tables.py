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

    def settled(self):
        """Once every event is told to everybody, every mail was tried, every document rendered and nothing moves any more."""
        self.last = None
        wait_until(lambda: self.last == self.take() and not pending(self.connection, self.stack.place.services()))
        return self.last

    def close(self):
        self.connection.close()


def waiting_events(services):
    """SQL: how many events are not yet numbered, or not yet in the audit log."""
    return " + ".join(
        f"(select count(*) from {service}.outbox) + (select h.sequence - coalesce(max(c.sequence), 0) "
        f"from {service}.stream_head h left join accounts.stream_cursor c on c.consumer = 'audit' "
        f"and c.producer = '{service}' group by h.sequence)" for service in services)


def pending(connection, services):
    """How many events are not yet in the audit log, mails not yet tried once, invoices not yet rendered."""
    with connection.cursor() as cursor:
        cursor.execute(f"""
            select {waiting_events(services)} + (select count(*) from invoicing.invoice_rendering)
                + (select count(*) from {UNTRIED_MAILS})""")
        return cursor.fetchone()[0]


def tables_holding(stack, text):
    """The tables of all services in which a text lies, as text or within bytes."""
    names = stack.query("select schemaname || '.' || tablename from pg_tables where schemaname = any(%s)",
                        stack.place.services())
    search = " union all ".join(
        f"select '{name}' from (select t::text as row from {name} t offset 0) rows "  # so that each becomes text once
        f"where position(%s in row) > 0 or position(%s in row) > 0 group by 1" for (name,) in names)
    encoded = text.encode().hex()
    return {name for (name,) in stack.query(search, *([text, encoded] * len(names)))}
