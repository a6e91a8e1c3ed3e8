/* SPDX-License-Identifier: Apache-2.0
 * Results and array literals, as libpq and PostgreSQL make them. */
#include "database.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

PGresult *
rows_new(int columns)
{
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc *attributes = calloc((size_t)columns + 1, sizeof *attributes);

    for (int i = 0; i < columns; i++)
        attributes[i].name = (char *)"column";
    PQsetResultAttrs(rows, columns, attributes);
    free(attributes);
    return rows;
}

void
put(PGresult *rows, int row, int column, const char *text)
{
    PQsetvalue(rows, row, column, (char *)text, text == NULL ? -1 : (int)strlen(text));
}

void
put_number(PGresult *rows, int row, int column, int64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, number);
    put(rows, row, column, text);
}

/* The items of an array literal; they have no quotes within. */
size_t
items_of(const char *literal, char items[][80])
{
    size_t count = 0;

    for (const char *at = strchr(literal, '"'); at != NULL; at = strchr(at, '"')) {
        const char *end = strchr(at + 1, '"');

        assert(end != NULL && count < ARRAY_MAX && end - at - 1 < 80);
        snprintf(items[count++], 80, "%.*s", (int)(end - at - 1), at + 1);
        at = end + 1;
    }
    return count;
}
