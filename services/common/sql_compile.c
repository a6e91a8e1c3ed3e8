/* SPDX-License-Identifier: Apache-2.0
 * From SQL() text to numbered parameters, and the proof at start that statement, schema and
 * messages fit. */
#include "sql_compile.h"

#include "log.h"
#include "sql_lexer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* All that compiling one statement needs; text grows in the process's own arena. */
struct compilation {
    struct arena *arena;
    struct sql_statement *statement;
    struct sql_compiled *out;
    struct buffer text;
    const char *error;
};

/* Weak: a program without any statement still links. */
extern struct sql_statement *const __start_sql_statements[] __attribute__((weak));
extern struct sql_statement *const __stop_sql_statements[] __attribute__((weak));

static void
complain(struct compilation *compilation, const char *format, const char *subject)
{
    if (compilation->error == NULL)
        compilation->error = arena_printf(compilation->arena, format, subject);
}

/* Resolves "address.city" in a type; false when a part does not exist. */
static bool
field_path_find(const ProtobufCMessageDescriptor *type, const char *name, struct field_path *path)
{
    char part[64];

    *path = (struct field_path){.depth = 0};
    while (*name != '\0') {
        size_t length = strcspn(name, ".");

        if (type == NULL || path->depth == SQL_PATH_MAX || length == 0 || length >= sizeof part)
            return false;
        memcpy(part, name, length);
        part[length] = '\0';
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(type, part);
        if (field == NULL)
            return false;
        path->fields[path->depth++] = field;
        type = field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED
                   ? field->descriptor
                   : NULL;
        name += length + (name[length] == '.');
    }
    return path->depth > 0;
}

/* Numbers a parameter; the same one twice shares its number. */
static size_t
number(struct compilation *compilation, enum sql_source source, const char *name)
{
    struct sql_compiled *out = compilation->out;
    struct sql_binding *binding;

    for (size_t i = 0; i < out->bindings_count; i++)
        if (out->bindings[i].source == source && strcmp(out->bindings[i].name, name) == 0)
            return i + 1;
    if (out->bindings_count == SQL_PARAMETERS_MAX) {
        complain(compilation, "has too many parameters%s", "");
        return 1;
    }
    binding = &out->bindings[out->bindings_count++];
    *binding = (struct sql_binding){.source = source, .name = name};
    if (source == SQL_FROM_CALL && sql_call_value_find(name) == NULL)
        complain(compilation, "uses :call.%s, which no call has", name);
    if (source != SQL_FROM_CALL && source != SQL_FROM_STATES && source != SQL_FROM_LIMIT &&
        !field_path_find(compilation->statement->request, name, &binding->path))
        complain(compilation, "binds :%s, which its request does not have", name);
    return out->bindings_count;
}

/* "c.status" is column status of alias c and field status. */
static const char *
last_part(const char *column)
{
    const char *dot = strrchr(column, '.');

    return dot == NULL ? column : dot + 1;
}

static void
expand_patch(struct compilation *compilation, const char *const *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *column = arena_strdup(compilation->arena, arguments[i]);

        for (char *dot = column; (dot = strchr(dot, '.')) != NULL;)
            *dot = '_';
        buffer_printf(&compilation->text, "%s%s = case when $%zu::boolean then $%zu else %s end",
                      i == 0 ? "" : ", ", column,
                      number(compilation, SQL_FROM_PRESENCE, arguments[i]),
                      number(compilation, SQL_FROM_REQUEST, arguments[i]), column);
    }
}

static void
expand_filter(struct compilation *compilation, const char *const *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t parameter = number(compilation, SQL_FROM_REQUEST, last_part(arguments[i]));

        buffer_printf(&compilation->text, " and (%s = $%zu or $%zu is null)", arguments[i],
                      parameter, parameter);
    }
}

static void
expand_between(struct compilation *compilation, const char *const *arguments, size_t count)
{
    if (count != 3) {
        complain(compilation, "needs :between(column, from, to)%s", "");
        return;
    }
    size_t from = number(compilation, SQL_FROM_REQUEST, arguments[1]);
    size_t to = number(compilation, SQL_FROM_REQUEST, arguments[2]);
    buffer_printf(&compilation->text,
                  " and (%s >= $%zu or $%zu is null) and (%s <= $%zu or $%zu is null)",
                  arguments[0], from, from, arguments[0], to, to);
}

static void
expand_search(struct compilation *compilation, const char *const *arguments, size_t count)
{
    size_t parameter = number(compilation, SQL_FROM_SEARCH, "q");

    buffer_text(&compilation->text, " and (lower(public.unaccent(concat_ws(' '");
    for (size_t i = 0; i < count; i++)
        buffer_printf(&compilation->text, ", %s", arguments[i]);
    buffer_printf(&compilation->text, "))) like lower(public.unaccent($%zu)) or $%zu is null)",
                  parameter, parameter);
}

static void
expand_page(struct compilation *compilation, const char *const *arguments, size_t count)
{
    const char *column = count == 0 ? "id" : arguments[0];
    bool oldest_first = count == 2 && strcmp(arguments[1], "oldest_first") == 0;
    size_t after = number(compilation, SQL_FROM_PAGE, "page_token");
    size_t limit = number(compilation, SQL_FROM_LIMIT, "page_size");

    compilation->out->page_key =
        protobuf_c_message_descriptor_get_field_by_name(compilation->out->row, last_part(column));
    if (compilation->out->page_key == NULL)
        complain(compilation, "pages by %s, which its rows do not have", column);
    buffer_printf(&compilation->text, " and (%s %s $%zu or $%zu is null) order by %s %s limit $%zu",
                  column, oldest_first ? ">" : "<", after, after, column,
                  oldest_first ? "asc" : "desc", limit);
}

static void
expand_guard(struct compilation *compilation, const char *const *arguments, size_t count)
{
    size_t version = number(compilation, SQL_FROM_CALL, "if_match");

    buffer_printf(&compilation->text, "(version = $%zu or $%zu is null)", version, version);
    if (count == 1) {
        compilation->out->guard_status = true;
        buffer_printf(&compilation->text, " and %s = any($%zu)", arguments[0],
                      number(compilation, SQL_FROM_STATES, arguments[0]));
    }
}

static const struct {
    const char *name;
    void (*expand)(struct compilation *compilation, const char *const *arguments, size_t count);
} expansions[] = {
    {"patch", expand_patch},   {"filter", expand_filter}, {"between", expand_between},
    {"search", expand_search}, {"page", expand_page},     {"guard", expand_guard},
};

static void
compile_parameter(struct compilation *compilation, const struct sql_piece *piece)
{
    const char *name = arena_strndup(compilation->arena, piece->text.start, piece->text.length);
    const char *arguments[SQL_ARGUMENTS_MAX];

    for (size_t i = 0; i < piece->arguments_count; i++)
        arguments[i] = arena_strndup(compilation->arena, piece->arguments[i].start,
                                     piece->arguments[i].length);
    for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++)
        if (strcmp(name, expansions[i].name) == 0) {
            expansions[i].expand(compilation, arguments, piece->arguments_count);
            return;
        }
    if (strncmp(name, "call.", 5) == 0)
        buffer_printf(&compilation->text, "$%zu", number(compilation, SQL_FROM_CALL, name + 5));
    else
        buffer_printf(&compilation->text, "$%zu", number(compilation, SQL_FROM_REQUEST, name));
}

/* "update client set …" → "client": where :guard looks when no row was changed. */
static const char *
updated_table(struct arena *arena, const char *text)
{
    const char *update = strstr(text, "update ");

    return update == NULL ? NULL : arena_strndup(arena, update + 7, strcspn(update + 7, " "));
}

/* Which row a guarded statement changes: the one its request names, the caller's own, or the
 * table's only one. */
static void
choose_guarded(struct compilation *compilation)
{
    const char *text = compilation->statement->text;
    bool by_request = strstr(text, "where id = :id ") != NULL;
    bool own = strstr(text, "where id = :call.user_id ") != NULL;

    compilation->out->guard_table = updated_table(compilation->arena, text);
    compilation->out->guard_row = by_request ? GUARDED_BY_ID
                                  : own      ? GUARDED_BY_USER
                                             : GUARDED_ALONE;
    if (!by_request && !own && strstr(text, "where :guard") == NULL)
        complain(compilation,
                 "uses :guard%s, which goes with \"where id = :id and\", "
                 "\"where id = :call.user_id and\" or, in a table of one row, \"where\" alone",
                 "");
    if (compilation->out->guard_table == NULL)
        complain(compilation, "uses :guard%s, but updates no table", "");
}

/* A page's rows are the items of the reply's only repeated message. */
static void
choose_row(struct compilation *compilation)
{
    const ProtobufCMessageDescriptor *reply = compilation->statement->reply;

    compilation->out->row = reply;
    if (strstr(compilation->statement->text, ":page") == NULL)
        return;
    compilation->out->statement.unnamed = true; /* custom plan: the filters differ each time */
    for (unsigned i = 0; i < reply->n_fields; i++)
        if (reply->fields[i].label == PROTOBUF_C_LABEL_REPEATED &&
            reply->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            compilation->out->rows = &reply->fields[i];
    if (compilation->out->rows == NULL)
        complain(compilation, "is a page, but %s has no repeated message", reply->name);
    else
        compilation->out->row = compilation->out->rows->descriptor;
}

const char *
sql_compile(struct arena *arena, struct sql_statement *statement)
{
    struct compilation compilation = {.arena = arena, .statement = statement};
    const char *cursor = statement->text;
    struct sql_piece piece;

    compilation.out = statement->compiled = arena_alloc(arena, sizeof *compilation.out);
    buffer_init(&compilation.text, arena);
    choose_row(&compilation);
    while (compilation.error == NULL && sql_lex(&cursor, &piece))
        if (piece.parameter)
            compile_parameter(&compilation, &piece);
        else
            buffer_append(&compilation.text, piece.text.start, piece.text.length);
    if (strstr(statement->text, ":guard") != NULL)
        choose_guarded(&compilation);
    compilation.out->statement.name = statement->name;
    compilation.out->statement.text = compilation.text.bytes;
    compilation.out->statement.parameters = (int)compilation.out->bindings_count;
    return compilation.error;
}

/* ---- the proof against the database */

enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIMESTAMPTZ = 1184,
    OID_DATE_ARRAY = 1182,
    OID_UUID = 2950,
    OID_UUID_ARRAY = 2951,
    OID_JSONB = 3802
};

const char *
sql_type_name(Oid type)
{
    static const struct {
        Oid type;
        const char *name;
    } names[] = {
        {OID_BOOL, "boolean"},
        {OID_BYTEA, "bytea"},
        {OID_INT8, "bigint"},
        {OID_INT2, "smallint"},
        {OID_INT4, "integer"},
        {OID_TEXT, "text"},
        {OID_TEXT_ARRAY, "text[]"},
        {OID_INT8_ARRAY, "bigint[]"},
        {OID_VARCHAR, "varchar"},
        {OID_DATE, "date"},
        {OID_TIMESTAMPTZ, "timestamptz"},
        {OID_DATE_ARRAY, "date[]"},
        {OID_UUID, "uuid"},
        {OID_UUID_ARRAY, "uuid[]"},
        {OID_JSONB, "jsonb"},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}

static bool
one_of(Oid type, const Oid *types)
{
    while (*types != 0 && *types != type)
        types++;
    return *types != 0;
}

static bool
type_fits(const ProtobufCFieldDescriptor *field, Oid type)
{
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return type == OID_JSONB;
    case PROTOBUF_C_TYPE_BOOL:
        return type == OID_BOOL && !repeated;
    case PROTOBUF_C_TYPE_BYTES:
        return type == OID_BYTEA && !repeated;
    case PROTOBUF_C_TYPE_ENUM:
        return one_of(type, repeated ? (const Oid[]){OID_TEXT_ARRAY, 0}
                                     : (const Oid[]){OID_TEXT, OID_VARCHAR, 0});
    case PROTOBUF_C_TYPE_STRING:
        return one_of(type, repeated
                                ? (const Oid[]){OID_TEXT_ARRAY, OID_UUID_ARRAY, OID_DATE_ARRAY, 0}
                                : (const Oid[]){OID_TEXT, OID_VARCHAR, OID_UUID, OID_DATE,
                                                OID_TIMESTAMPTZ, 0});
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
        return one_of(type, repeated ? (const Oid[]){OID_INT8_ARRAY, 0}
                                     : (const Oid[]){OID_INT8, OID_INT4, OID_INT2, 0});
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return false;
    }
    return false;
}

static const char *
prove_parameters(struct compilation *compilation, const PGresult *description)
{
    struct sql_compiled *out = compilation->out;

    for (size_t i = 0; i < out->bindings_count; i++) {
        struct sql_binding *binding = &out->bindings[i];
        Oid type = binding->type = PQparamtype(description, (int)i);

        if (binding->source == SQL_FROM_REQUEST &&
            !type_fits(binding->path.fields[binding->path.depth - 1], type))
            return arena_printf(compilation->arena,
                                "binds :%s, whose type does not fit the database's (%u)",
                                binding->name, type);
    }
    return NULL;
}

static const char *
prove_columns(struct compilation *compilation, const PGresult *description)
{
    struct sql_compiled *out = compilation->out;

    if (PQnfields(description) > SQL_COLUMNS_MAX)
        return "answers too many columns";
    for (int i = 0; i < PQnfields(description); i++) {
        const char *name = PQfname(description, i);
        struct sql_column *column = &out->columns[i];

        column->type = PQftype(description, i);
        if (!field_path_find(out->row, name, &column->path))
            return arena_printf(compilation->arena, "answers the column %s, which %s does not have",
                                name, out->row->name);
        if (!type_fits(column->path.fields[column->path.depth - 1], column->type))
            return arena_printf(compilation->arena,
                                "answers the column %s in a type (%u) that does not fit", name,
                                column->type);
    }
    out->columns_count = (size_t)PQnfields(description);
    return NULL;
}

static const char *
prove(struct arena *arena, struct db *db, struct sql_statement *statement)
{
    struct compilation compilation = {.arena = arena, .statement = statement};
    const char *error = sql_compile(arena, statement);
    struct db_statement described;
    PGresult *description;

    if (error != NULL)
        return error;
    compilation.out = statement->compiled;
    described = statement->compiled->statement;
    described.unnamed = false;
    description = db_describe(db, statement->compiled->statement.unnamed
                                      ? arena_memdup(arena, &described, sizeof described)
                                      : &statement->compiled->statement);
    if (description == NULL)
        return db_error(db)->message;
    error = prove_parameters(&compilation, description);
    if (error == NULL)
        error = prove_columns(&compilation, description);
    PQclear(description);
    return error;
}

struct sql_statement *
sql_named(const char *name)
{
    for (struct sql_statement *const *entry = __start_sql_statements; entry < __stop_sql_statements;
         entry++)
        if (strcmp((*entry)->name, name) == 0)
            return *entry;
    return NULL;
}

bool
sql_prove(struct db *db)
{
    static struct arena *arena; /* compiled statements live as long as the process */
    bool ok = true;

    if (arena == NULL)
        arena = arena_new((size_t)64 << 20);

    for (struct sql_statement *const *entry = __start_sql_statements; entry < __stop_sql_statements;
         entry++) {
        const char *error = prove(arena, db, *entry);

        if (error == NULL)
            continue;
        log_error("statement %s (%s:%d) %s", (*entry)->name, (*entry)->file, (*entry)->line, error);
        ok = false;
    }
    return ok;
}
