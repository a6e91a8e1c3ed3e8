/* SPDX-License-Identifier: Apache-2.0
 * An insert of one row as an insert of many: the same text, but what it binds comes from arrays, one for each
 * parameter, that hold a text for each row. The server is done with many rows sooner than with as many statements. */
#include "sql_compile.h"

#include <stdlib.h>
#include <string.h>

/* "$3" becomes "many.p3::bigint". False when it stands for nothing that has a type here. */
static bool
write_parameter(struct buffer *out, const struct sql_compiled *one, const char **text)
{
    char *end;
    size_t number = strtoul(*text + strlen("$"), &end, 10);
    const char *type = number == 0 || number > one->bindings_count
                           ? NULL
                           : sql_type_name(one->bindings[number - 1].type);

    if (type == NULL)
        return false;
    buffer_printf(out, "many.p%zu::%s", number, type);
    *text = end;
    return true;
}

static bool
write_values(struct buffer *out, const struct sql_compiled *one, const char *text, const char *end)
{
    while (text < end) {
        if (*text == '$') {
            if (!write_parameter(out, one, &text))
                return false;
            continue;
        }
        buffer_append(out, text++, 1);
    }
    return true;
}

static void
write_source(struct buffer *out, size_t parameters)
{
    for (size_t i = 1; i <= parameters; i++)
        buffer_printf(out, "%s$%zu::text[]", i == 1 ? " from unnest(" : ", ", i);
    for (size_t i = 1; i <= parameters; i++)
        buffer_printf(out, "%sp%zu", i == 1 ? ") as many (" : ", ", i);
    buffer_text(out, ")");
}

bool
sql_compile_many(struct arena *arena, const struct sql_compiled *one, struct db_statement *many)
{
    static const char values[] = " values (", conflict[] = " on conflict (id) do update set ";
    const char *text = one->statement.text, *open = strstr(text, values);
    const char *behind = open == NULL ? NULL : strstr(open, conflict);
    struct buffer out;

    if (behind == NULL || behind[-1] != ')' || strstr(open + 1, values) != NULL)
        return false;
    buffer_init(&out, arena);
    buffer_append(&out, text, (size_t)(open - text));
    buffer_text(&out, " select ");
    if (!write_values(&out, one, open + strlen(values), behind - strlen(")")))
        return false;
    write_source(&out, one->bindings_count);
    buffer_text(&out, behind);
    *many = (struct db_statement){one->statement.name, out.bytes, one->statement.parameters, false};
    return true;
}
