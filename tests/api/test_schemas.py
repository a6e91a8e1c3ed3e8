# SPDX-License-Identifier: Apache-2.0
"""Each service's schema is its own: its application role works in it, its owner changes it, nobody else gets in."""
import psycopg2
import pytest

PRIVILEGE = psycopg2.errors.InsufficientPrivilege


def refused(cursor, statement):
    """Whether the database refuses the statement for want of a privilege."""
    try:
        cursor.execute(statement)
    except PRIVILEGE:
        return True
    return False


def ways_in(cursor, service, tables):
    """What a role may do in the schema of another service: nothing."""
    ways = {f"read {table}": f"select 1 from {service}.{table} limit 1" for table in tables}
    ways |= {f"become {role}": f"set role {role}" for role in (service, f"{service}_owner", "postgres")}
    ways |= {"write": f"insert into {service}.outbox default values", "create": f"create table {service}.intruder (id integer)"}
    return [way for way, statement in ways.items() if not refused(cursor, statement)]


def test_no_role_of_a_service_gets_into_the_schema_of_another(stack):
    tables = {service: [table for (table,) in stack.query("select tablename from pg_tables where schemaname = %s", service)]
              for service in stack.place.services()}
    assert len(tables) > 1 and all(tables.values())
    for own in tables:
        for role in (own, f"{own}_owner"):
            connection = stack.connect(role=role)
            with connection.cursor() as cursor:
                found = {service: ways_in(cursor, service, tables[service]) for service in tables if service != own}
            connection.close()
            assert not any(found.values()), (role, found)


def test_application_role_works_in_its_schema_and_changes_it_not(stack):
    for service in stack.place.services():
        connection = stack.connect(role=service)
        with connection.cursor() as cursor:
            cursor.execute(f"select 1 from {service}.outbox limit 1")
            for statement in ("create table {0}.intruder (id integer)", "drop table {0}.outbox",
                              "alter table {0}.outbox add column intruder integer", "set role {0}_owner"):
                with pytest.raises(PRIVILEGE):
                    cursor.execute(statement.format(service))
        connection.close()
