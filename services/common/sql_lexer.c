/* SPDX-License-Identifier: Apache-2.0
 * The lexer of SQL() statements: one pass, no state but the cursor. */
#include "sql_lexer.h"

#include <ctype.h>
#include <string.h>

static bool
starts_name(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool
continues_name(char c)
{
    return starts_name(c) || (c >= '0' && c <= '9');
}

/* '…' with '' inside, or E'…' with backslashes; "…" alike. */
static const char *
skip_quoted(const char *at, bool backslashes)
{
    char quote = *at++;

    while (*at != '\0') {
        bool escaped = backslashes && *at == '\\' && at[1] != '\0';

        if (escaped || (*at == quote && at[1] == quote))
            at += 2;
        else if (*at++ == quote)
            return at;
    }
    return at;
}

/* PostgreSQL's block comments nest. */
static const char *
skip_block_comment(const char *at)
{
    int depth = 0;

    do {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            depth--;
            at += 2;
        } else {
            at++;
        }
    } while (*at != '\0' && depth > 0);
    return at;
}

/* $tag$ … $tag$; a lone $1 is no quote. */
static const char *
skip_dollar_quote(const char *at)
{
    const char *tag_end = at + 1;
    size_t length;

    while (continues_name(*tag_end) || isupper((unsigned char)*tag_end))
        tag_end++;
    if (*tag_end != '$' || isdigit((unsigned char)at[1]))
        return at + 1;
    length = (size_t)(tag_end - at) + 1;
    for (const char *end = tag_end + 1; *end != '\0'; end++)
        if (strncmp(end, at, length) == 0)
            return end + length;
    return at + strlen(at);
}

/* Past one lexical element that can't be a parameter. */
static const char *
skip_plain(const char *statement, const char *at, int *brackets)
{
    bool escape = at > statement && (at[-1] == 'E' || at[-1] == 'e') &&
                  (at - 1 == statement || !continues_name(at[-2]));

    if (*at == '\'' || *at == '"')
        return skip_quoted(at, *at == '\'' && escape);
    if (at[0] == '-' && at[1] == '-')
        return at + strcspn(at, "\n");
    if (at[0] == '/' && at[1] == '*')
        return skip_block_comment(at);
    if (*at == '$')
        return skip_dollar_quote(at);
    if (at[0] == ':' && (at[1] == ':' || at[1] == '='))
        return at + 2;
    *brackets += (*at == '[') - (*at == ']');
    return at + 1;
}

/* Between brackets a colon may be a slice's, a[1:n]: there a parameter has a space, a comma or a
 * parenthesis before it. */
static bool
is_parameter(const char *start, const char *at, int brackets)
{
    if (at[0] != ':' || !starts_name(at[1]))
        return false;
    return brackets == 0 || (at > start && strchr(" \n(,", at[-1]) != NULL);
}

static const char *
read_arguments(const char *at, struct sql_piece *piece)
{
    const char *end = strchr(at, ')');

    if (*at != '(' || end == NULL)
        return at;
    at++;
    while (at < end && piece->arguments_count < SQL_ARGUMENTS_MAX) {
        size_t length;

        at += strspn(at, " \t\n,");
        length = strcspn(at, ",) \t\n");
        if (length > 0)
            piece->arguments[piece->arguments_count++] = (struct sql_slice){at, length};
        at += length;
    }
    return end + 1;
}

static const char *
read_parameter(const char *at, struct sql_piece *piece)
{
    const char *name = ++at;

    while (continues_name(*at) || (*at == '.' && starts_name(at[1])))
        at++;
    piece->parameter = true;
    piece->text = (struct sql_slice){name, (size_t)(at - name)};
    return read_arguments(at, piece);
}

bool
sql_lex(const char **cursor, struct sql_piece *piece)
{
    const char *start = *cursor, *at = start;
    int brackets = 0;

    memset(piece, 0, sizeof *piece);
    if (*start == '\0')
        return false;
    if (is_parameter(start, at, 0)) {
        *cursor = read_parameter(at, piece);
        return true;
    }
    while (*at != '\0' && !is_parameter(start, at, brackets))
        at = skip_plain(start, at, &brackets);
    piece->text = (struct sql_slice){start, (size_t)(at - start)};
    *cursor = at;
    return true;
}
