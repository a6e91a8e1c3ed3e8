/* SPDX-License-Identifier: Apache-2.0
 * Finds the :parameters of a statement: not in literals, quoted names, comments, dollar quotes,
 * casts or array slices. Pure. */
#ifndef ESCARCELLE_SQL_LEXER_H
#define ESCARCELLE_SQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum { SQL_ARGUMENTS_MAX = 40 };

/* A slice of the statement's text. */
struct sql_slice {
    const char *start;
    size_t length;
};

/* Either plain text to copy, or a parameter `:name` with what stood in its parentheses, if any. */
struct sql_piece {
    bool parameter;
    struct sql_slice text; /* plain text, or the name */
    struct sql_slice arguments[SQL_ARGUMENTS_MAX];
    size_t arguments_count;
};

/* Reads one piece from *cursor and moves it; false at the end. An unclosed literal reaches to the
 * end. */
bool sql_lex(const char **cursor, struct sql_piece *piece);

#endif
