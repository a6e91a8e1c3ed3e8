# SPDX-License-Identifier: Apache-2.0
"""What the load was answered against what is stored. Each of its writes carries a name of its own in a text column,
and the record says {"name", "column": "sessions.training.title", "acknowledged": true, false or null}: null where
the outcome stayed unknown."""
import collections

from .evidence import check


@check
def acknowledged(evidence):
    """Every acknowledged write is stored once, every refused one not at all, every unknown one at most once."""
    writes = collections.defaultdict(list)
    for write in evidence.requests():
        writes[write["column"]].append(write)
    for column, made in writes.items():
        table, name = column.rsplit(".", 1)
        stored = dict(evidence.rows(f"select {name}, count(*) from {table} where {name} = any(%s) group by 1",
                                    [write["name"] for write in made]))
        for write in made:
            count = stored.get(write["name"], 0)
            if count > 1 or (write["acknowledged"] is True and count != 1) or (write["acknowledged"] is False and count):
                yield f"{column} {write['name']}: acknowledged {write['acknowledged']}, stored {count} times"
