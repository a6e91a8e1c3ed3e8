# SPDX-License-Identifier: Apache-2.0
"""The tables of a schema, read from its migrations in their order. What it does not understand of a table it refuses."""
import re

NAME = r'"?([a-z_][a-z0-9_]*)"?'
REFERENCES = re.compile(rf"references {NAME}(?: \(([^)]*)\))?", re.I)
COLUMN_END = re.compile(r"\b(not null|null|primary key|unique|default|check|references|generated|constraint)\b", re.I)
PIECES = re.compile(r"--[^\n]*|\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|[();]|\s+|[^\s'();$-]+|.", re.S)
# Statements that change no table's shape.
PASSED_OVER = re.compile(r"(insert|update|delete|create( unique)? index|create( or replace)? (function|trigger|view)|"
                         r"drop (index|function|trigger)|alter index|do|grant|revoke|comment on (column|constraint|function|index)|"
                         r"create extension|select|alter sequence)\b", re.I)


class DataModelError(Exception):
    """A migration that this reader does not understand."""


class Column:
    def __init__(self, name, type_):
        self.name, self.type = name, type_
        self.primary = self.unique = False
        self.required = False
        self.references = None      # (table, column)


class Table:
    def __init__(self, name):
        self.name, self.comment, self.columns, self.uniques, self.checks = name, "", {}, [], []

    def append_only(self):
        return self.comment.startswith("append-only")


def statements(text):
    """The statements of a script, without comments, blanks collapsed outside literals."""
    out, now, depth = [], "", 0
    for match in PIECES.finditer(text):
        piece = match.group()
        if piece.startswith("--"):
            continue
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == ";" and depth == 0:
            out.append(now.strip())
            now = ""
        else:
            now += " " if piece.isspace() else piece
    return [re.sub(r" +", " ", statement) for statement in out if statement]


def split(text):
    """The parts of a list that commas divide outside parentheses and literals."""
    parts, now, depth = [], "", 0
    for piece in re.findall(r"'(?:[^']|'')*'|.", text, re.S):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append(now.strip())
            now = ""
        else:
            now += piece
    return [part for part in parts + [now.strip()] if part]


def names(text):
    return [name.strip(' "') for name in text.split(",")]


def in_parentheses(text):
    """What stands between the first parenthesis and its partner."""
    start, depth = text.index("("), 0
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return text[start + 1:index]
    raise DataModelError(f"an open parenthesis in: {text[:80]}")


def add_column(table, text):
    name, rest = re.fullmatch(NAME + r" (.*)", text, re.S).groups()
    end = COLUMN_END.search(rest)
    column = table.columns[name] = Column(name, (rest[:end.start()] if end else rest).strip())
    options = rest[end.start():] if end else ""
    column.primary = "primary key" in options
    column.unique = bool(re.search(r"\bunique\b", options))
    column.required = column.primary or "not null" in options
    reference = REFERENCES.search(options)
    if reference:
        column.references = (reference.group(1), (reference.group(2) or "id").strip())


def add_constraint(table, text):
    """A primary key, unique, check or foreign key of a table; exclusions are left to the reader of the migration."""
    kind = re.sub(rf"^constraint {NAME} ", "", text, flags=re.I)
    if kind.lower().startswith("primary key"):
        for name in names(in_parentheses(kind)):
            table.columns[name].primary = table.columns[name].required = True
    elif kind.lower().startswith("unique"):
        table.uniques.append(names(in_parentheses(kind)))
    elif kind.lower().startswith("foreign key"):
        reference = REFERENCES.search(kind)
        targets = names(reference.group(2)) if reference.group(2) else ["id"]
        for name, target in zip(names(in_parentheses(kind)), targets):
            table.columns[name].references = (reference.group(1), target)
    elif kind.lower().startswith("check"):
        table.checks.append(in_parentheses(kind))
    elif not kind.lower().startswith("exclude"):
        raise DataModelError(f"table {table.name}: {text}")


def is_constraint(text):
    return re.match(r"(constraint|primary key|unique|check|foreign key|exclude)\b", text, re.I) is not None


def alter_table(tables, statement):
    name, actions = re.fullmatch(rf"alter table (?:only )?{NAME} (.*)", statement, re.S | re.I).groups()
    table = tables[name]
    for action in split(actions):
        if match := re.fullmatch(r"add (?:column )?(.*)", action, re.S | re.I):
            (add_constraint if is_constraint(match.group(1)) else add_column)(table, match.group(1))
        elif match := re.fullmatch(rf"drop column (?:if exists )?{NAME}.*", action, re.I):
            table.columns.pop(match.group(1), None)
        elif match := re.fullmatch(rf"alter (?:column )?{NAME} (set|drop) not null", action, re.I):
            table.columns[match.group(1)].required = match.group(2).lower() == "set"
        elif match := re.fullmatch(rf"rename (?:column )?{NAME} to {NAME}", action, re.I):
            table.columns = {match.group(2) if key == match.group(1) else key: column
                             for key, column in table.columns.items()}
            table.columns[match.group(2)].name = match.group(2)
        elif not re.match(r"drop constraint|alter (column )?\w+ (set|drop) default|set \(|validate|replica|enable|owner",
                          action, re.I):
            raise DataModelError(f"table {name}: {action}")


def read(scripts):
    """The tables that these migrations leave, by name."""
    tables = {}
    for statement in (statement for script in scripts for statement in statements(script)):
        if match := re.match(rf"create (?:unlogged )?table (?:if not exists )?{NAME} ?\(", statement, re.I):
            table = tables[match.group(1)] = Table(match.group(1))
            parts = split(in_parentheses(statement))
            for part in sorted(parts, key=is_constraint):
                (add_constraint if is_constraint(part) else add_column)(table, part)
        elif match := re.match(rf"drop table (?:if exists )?{NAME}", statement, re.I):
            tables.pop(match.group(1), None)
        elif match := re.fullmatch(rf"comment on table {NAME} is '(.*)'", statement, re.S | re.I):
            tables[match.group(1)].comment = match.group(2).replace("''", "'")
        elif re.match("alter table", statement, re.I):
            alter_table(tables, statement)
        elif not PASSED_OVER.match(statement):
            raise DataModelError(f"not understood: {statement[:100]}")
    return tables
