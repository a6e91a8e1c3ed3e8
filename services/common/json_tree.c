/* SPDX-License-Identifier: Apache-2.0
 * The scan before cJSON. cJSON cuts strings at \u0000, rounds integers beyond 2^53, lets invalid
 * UTF-8, control characters and 1000 levels pass; none of them gets beyond this file. */
#include "json_tree.h"

#include "checks.h"
#include "fields.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The largest integer that every JSON implementation keeps exact: 2^53 - 1. */
#define INTEGER_MAX INT64_C(9007199254740991)
/* Longer than any field's name, short enough for a pointer. */
enum { NAME_BYTES_MAX = 128, INTEGER_DIGITS_MAX = 16 };

/* A container that is open: the member (raw, between its quotes) or the element being read. */
struct level {
    bool array;
    const char *name; /* NULL between two members */
    size_t name_length, index;
};

struct scan {
    struct arena *arena;
    struct json_problem *problem;
    const char *text, *at, *end;
    size_t values, depth;
    struct level levels[JSON_DEPTH_MAX];
};

static bool scan_value(struct scan *scan);

static void
tree_delete(void *pointer)
{
    json_tree_free(pointer);
}

/* The defer comes before the parse: it may jump out of here for want of room. */
static struct json_tree *
parse_scanned(struct arena *arena, const char *text, size_t length)
{
    struct json_tree *tree = arena_alloc(arena, sizeof *tree);
    arena_defer(arena, tree_delete, tree);
    tree->root = cJSON_ParseWithLength(text, length);
    assert(tree->root != NULL);
    return tree;
}

void
json_tree_free(struct json_tree *tree)
{
    cJSON_Delete(tree->root);
    tree->root = NULL;
}

static const char *
scan_pointer(struct scan *scan)
{
    struct buffer out;
    buffer_init(&out, scan->arena);
    buffer_text(&out, "");
    for (size_t i = 0; i < scan->depth; i++) {
        const struct level *level = &scan->levels[i];
        if (level->array) {
            buffer_printf(&out, "/%zu", level->index);
        } else if (level->name != NULL) {
            struct json_tree *name =
                parse_scanned(scan->arena, level->name - 1, level->name_length + 2);
            pointer_append(&out, name->root->valuestring);
        }
    }
    return out.bytes;
}

static bool
refuse(struct scan *scan, const char *code, const char *detail)
{
    *scan->problem = (struct json_problem){scan_pointer(scan), code, detail};
    return false;
}

static bool
refuse_syntax(struct scan *scan, const char *what)
{
    const char *detail = arena_printf(scan->arena, "is not valid JSON: %s at byte %zu", what,
                                      (size_t)(scan->at - scan->text));
    return refuse(scan, "malformed_json", detail);
}

static void
skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool
accept(struct scan *scan, char wanted)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != wanted)
        return false;
    scan->at++;
    return true;
}

/* The code unit of "\uXXXX" at the scan's place, or -1. */
static long
unicode_escape(const struct scan *scan)
{
    if (scan->end - scan->at < 6 || scan->at[0] != '\\' || scan->at[1] != 'u')
        return -1;
    char digits[5] = {0};
    for (size_t i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)scan->at[2 + i]))
            return -1;
        digits[i] = scan->at[2 + i];
    }
    return strtol(digits, NULL, 16);
}

static bool
scan_unicode_escape(struct scan *scan)
{
    long unit = unicode_escape(scan);
    if (unit < 0)
        return refuse_syntax(scan, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return refuse(scan, "malformed_json", "must not hold the character \\u0000");
    scan->at += 6;
    if (unit < 0xD800 || unit > 0xDFFF)
        return true;
    long low = unit <= 0xDBFF ? unicode_escape(scan) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return refuse(scan, "malformed_json", "must not hold half of a surrogate pair");
    scan->at += 6;
    return true;
}

static bool
scan_escape(struct scan *scan)
{
    static const char simple[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};
    if (scan->end - scan->at >= 2 && memchr(simple, scan->at[1], sizeof simple) != NULL) {
        scan->at += 2;
        return true;
    }
    if (scan->end - scan->at >= 2 && scan->at[1] == 'u')
        return scan_unicode_escape(scan);
    return refuse_syntax(scan, "unknown escape in a string");
}

/* From the opening quote to behind the closing one. */
static bool
scan_string(struct scan *scan)
{
    const char *start = ++scan->at;
    while (scan->at < scan->end && *scan->at != '"') {
        if ((unsigned char)*scan->at < 0x20)
            return refuse_syntax(scan, "a control character in a string must be escaped");
        if (*scan->at != '\\')
            scan->at++;
        else if (!scan_escape(scan))
            return false;
    }
    if (scan->at == scan->end)
        return refuse_syntax(scan, "a string is not closed");
    if (!check_utf8(start, (size_t)(scan->at - start)))
        return refuse(scan, "malformed_json", "must be valid UTF-8");
    scan->at++;
    return true;
}

static bool
scan_number(struct scan *scan)
{
    const char *digits = *scan->at == '-' ? scan->at + 1 : scan->at;
    const char *end = digits;
    int64_t value = 0;
    while (end < scan->end && isdigit((unsigned char)*end) && (end == digits || *digits != '0')) {
        if (end - digits < INTEGER_DIGITS_MAX)
            value = value * 10 + (*end - '0');
        end++;
    }
    if (end == digits)
        return refuse_syntax(scan, "a value is expected");
    if (end < scan->end && (*end == '.' || *end == 'e' || *end == 'E'))
        return refuse(scan, "wrong_type",
                      "must be a whole number, written without fraction or exponent");
    if (end - digits > INTEGER_DIGITS_MAX || value > INTEGER_MAX)
        return refuse(scan, "wrong_type",
                      "must be a whole number within -9007199254740991 and 9007199254740991");
    scan->at = end;
    return true;
}

static bool
scan_word(struct scan *scan, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return refuse_syntax(scan, "a value is expected");
    scan->at += length;
    return true;
}

/* Opens a container; its first character is consumed. */
static struct level *
scan_open(struct scan *scan, bool array)
{
    if (scan->depth == JSON_DEPTH_MAX) {
        (void)refuse(scan, "malformed_json", "is nested deeper than 16 levels");
        return NULL;
    }
    scan->at++;
    struct level *level = &scan->levels[scan->depth++];
    *level = (struct level){.array = array};
    return level;
}

static bool
scan_array(struct scan *scan)
{
    struct level *level = scan_open(scan, true);
    if (level == NULL)
        return false;
    if (!accept(scan, ']')) {
        for (;; level->index++) {
            if (!scan_value(scan))
                return false;
            if (!accept(scan, ','))
                break;
        }
        if (!accept(scan, ']'))
            return refuse_syntax(scan, "a comma or a closing bracket is expected");
    }
    scan->depth--;
    return true;
}

static bool
scan_member(struct scan *scan, struct level *level)
{
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != '"')
        return refuse_syntax(scan, "a member's name in quotes is expected");
    const char *name = scan->at + 1;
    if (!scan_string(scan))
        return false;
    size_t length = (size_t)(scan->at - name - 1);
    if (length > NAME_BYTES_MAX)
        return refuse(scan, "unknown_field", "has a member whose name is longer than any field's");
    if (!accept(scan, ':'))
        return refuse_syntax(scan, "a colon is expected");
    level->name = name;
    level->name_length = length;
    if (!scan_value(scan))
        return false;
    level->name = NULL;
    return true;
}

static bool
scan_object(struct scan *scan)
{
    struct level *level = scan_open(scan, false);
    if (level == NULL)
        return false;
    if (!accept(scan, '}')) {
        do {
            if (!scan_member(scan, level))
                return false;
        } while (accept(scan, ','));
        if (!accept(scan, '}'))
            return refuse_syntax(scan, "a comma or a closing brace is expected");
    }
    scan->depth--;
    return true;
}

static bool
scan_value(struct scan *scan)
{
    skip_space(scan);
    if (scan->at == scan->end)
        return refuse_syntax(scan, "a value is expected");
    if (++scan->values > JSON_VALUES_MAX)
        return refuse(scan, "malformed_json", "has too many values; send fewer at once");
    switch (*scan->at) {
    case '{':
        return scan_object(scan);
    case '[':
        return scan_array(scan);
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

struct json_tree *
json_tree_parse(struct arena *arena, const char *text, size_t length, struct json_problem *problem)
{
    struct scan scan = {
        .arena = arena, .problem = problem, .text = text, .at = text, .end = text + length};
    if (!scan_value(&scan))
        return NULL;
    skip_space(&scan);
    if (scan.at != scan.end) {
        (void)refuse_syntax(&scan, "nothing more is expected");
        return NULL;
    }
    return parse_scanned(arena, text, length);
}
