# SPDX-License-Identifier: Apache-2.0
"""What the tables hold: their fingerprints to compare, and where a text lies."""
from client import wait_until

# What moves by itself: leases, cursors, and the note when a token was last used.
RESTLESS = ("stream_head", "stream_cursor", "access_token", "instance", "watched_service")
# The transactions that wrote the rows, of which a later one has a higher number: even a change to the same values
# shows.
ALL_TABLES = """
select format('select %%L as name, count(*) as rows, coalesce(sum(t.xmin::text::bigint), 0) as written from %%I.%%I t',
              n.nspname || '.' || c.relname, n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = any(%s) and c.relname <> all(%s)"""


def fingerprint_statement(stack, services, restless):
    """SQL: name of each table of these services, how many rows it has, and which."""
    return " union all ".join(statement for (statement,) in stack.query(ALL_TABLES, list(services), list(restless)))


class Fingerprints:
    """How many rows each table of all services has, and which, over one connection."""

    def __init__(self, stack):
        self.stack = stack
        self.connection = stack.connect()
        with self.connection.cursor() as cursor:
            cursor.execute(f"prepare fingerprints as {fingerprint_statement(stack, stack.place.services(), RESTLESS)}")

    def take(self):
        with self.connection.cursor() as cursor:
            cursor.execute("execute fingerprints")
            return {name: (rows, written) for name, rows, written in cursor.fetchall()}

    def settled(self):
        """Once every event is told to everybody and nothing moves any more."""
        last = None

        def unchanged():
            nonlocal last
            previous, last = last, self.take()
            return previous == last and not pending_events(self.connection, self.stack.place.services())
        wait_until(unchanged)
        return last

    def close(self):
        self.connection.close()


def waiting_events(services):
    """SQL: how many events are not yet numbered, or not yet in the audit log."""
    return " + ".join(
        f"(select count(*) from {service}.outbox) + (select h.sequence - coalesce(max(c.sequence), 0) "
        f"from {service}.stream_head h left join accounts.stream_cursor c on c.consumer = 'audit' "
        f"and c.producer = '{service}' group by h.sequence)" for service in services)


def pending_events(connection, services):
    """How many events are not yet numbered, or not yet in the audit log."""
    with connection.cursor() as cursor:
        cursor.execute(f"select {waiting_events(services)}")
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
