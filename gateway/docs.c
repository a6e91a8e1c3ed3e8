/* SPDX-License-Identifier: Apache-2.0
 * The reference page: the OpenAPI document as one HTML page without script. */
#include "pages.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <string.h>

#define SCHEMAS "#/components/schemas/"

static const char *
text_of(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(member) ? member->valuestring : "";
}

/* One line of Markdown as descriptions use it: `code` and **strong**. */
static void
write_line(struct buffer *out, const char *line, size_t length)
{
    bool code = false, strong = false;
    for (size_t i = 0; i < length; i++) {
        if (line[i] == '`') {
            code = !code;
            buffer_text(out, code ? "<code>" : "</code>");
        } else if (!code && i + 1 < length && line[i] == '*' && line[i + 1] == '*') {
            strong = !strong;
            buffer_text(out, strong ? "<strong>" : "</strong>");
            i++;
        } else {
            page_text(out, (const char[]){line[i], '\0'});
        }
    }
    buffer_text(out, code ? "</code>" : "");
    buffer_text(out, strong ? "</strong>" : "");
}

enum block { BLOCK_NONE, BLOCK_PARAGRAPH, BLOCK_LIST };

static void
change_block(struct buffer *out, enum block *block, enum block next)
{
    static const char *const opening[] = {"", "<p>", "<ul>\n"};
    static const char *const closing[] = {"", "</p>\n", "</ul>\n"};
    if (*block == next)
        return;
    buffer_text(out, closing[*block]);
    buffer_text(out, opening[next]);
    *block = next;
}

/* Paragraphs, with an empty line between them, and lists of "- " lines. */
static void
write_prose(struct buffer *out, const char *text)
{
    enum block block = BLOCK_NONE;
    while (text[0] != '\0') {
        size_t length = strcspn(text, "\n");
        bool item = strncmp(text, "- ", 2) == 0;
        change_block(out, &block, length == 0 ? BLOCK_NONE : item ? BLOCK_LIST : BLOCK_PARAGRAPH);
        buffer_text(out, item ? "<li>" : "");
        write_line(out, text + (item ? 2 : 0), length - (item ? 2 : 0));
        buffer_text(out, item ? "</li>\n" : "\n");
        text += length + (text[length] == '\n');
    }
    change_block(out, &block, BLOCK_NONE);
}

/* A link to the schema's section, or its type in words. */
static void
write_type(struct buffer *out, const cJSON *schema)
{
    const char *reference = text_of(schema, "$ref");
    if (strncmp(reference, SCHEMAS, strlen(SCHEMAS)) == 0) {
        const char *name = reference + strlen(SCHEMAS);
        buffer_printf(out, "<a href=\"#%s\">%s</a>", name, name);
        return;
    }
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(schema, "items");
    if (items != NULL) {
        buffer_text(out, "list of ");
        write_type(out, items);
        return;
    }
    const cJSON *words = cJSON_GetObjectItemCaseSensitive(schema, "enum"), *word;
    page_text(out, text_of(schema, "type"));
    if (text_of(schema, "format")[0] != '\0') {
        buffer_text(out, ", ");
        page_text(out, text_of(schema, "format"));
    }
    cJSON_ArrayForEach(word, words)
    {
        buffer_text(out, word == words->child ? ": " : ", ");
        page_text(out, cJSON_IsString(word) ? word->valuestring : "");
    }
}

static void
write_row(struct buffer *out, const char *name, const cJSON *schema, const char *description)
{
    buffer_text(out, "<tr><td><code>");
    page_text(out, name);
    buffer_text(out, "</code></td><td>");
    write_type(out, schema);
    buffer_text(out, "</td><td>");
    write_line(out, description, strlen(description));
    buffer_text(out, "</td></tr>\n");
}

static void
write_parameters(struct buffer *out, const cJSON *parameters)
{
    const cJSON *parameter;
    if (cJSON_GetArraySize(parameters) == 0)
        return;
    buffer_text(out, "<table>\n");
    cJSON_ArrayForEach(parameter, parameters)
    {
        const char *name = text_of(parameter, "name");
        const char *reference = strrchr(text_of(parameter, "$ref"), '/');
        if (name[0] == '\0' && reference != NULL)
            name = reference + 1;
        write_row(out, name, cJSON_GetObjectItemCaseSensitive(parameter, "schema"),
                  text_of(parameter, "description"));
    }
    buffer_text(out, "</table>\n");
}

/* The schema of the first media type of a body. */
static const cJSON *
content_schema(const cJSON *body)
{
    const cJSON *content = cJSON_GetObjectItemCaseSensitive(body, "content");
    if (content == NULL || content->child == NULL)
        return NULL;
    return cJSON_GetObjectItemCaseSensitive(content->child, "schema");
}

static void
write_replies(struct buffer *out, const cJSON *replies)
{
    const cJSON *reply;
    buffer_text(out, "<p>Replies: ");
    cJSON_ArrayForEach(reply, replies)
    {
        const cJSON *schema = content_schema(reply);
        page_text(out, reply->string);
        if (schema != NULL) {
            buffer_text(out, " ");
            write_type(out, schema);
        }
        buffer_text(out, reply->next != NULL ? ", " : "</p>\n");
    }
}

static void
write_operation(struct buffer *out, const char *path, const cJSON *operation)
{
    buffer_text(out, "<h3><span class=\"verb\">");
    for (const char *c = operation->string; *c != '\0'; c++)
        buffer_printf(out, "%c", toupper((unsigned char)*c));
    buffer_text(out, "</span> <code>");
    page_text(out, path);
    buffer_text(out, "</code></h3>\n");
    const char *summary = text_of(operation, "summary");
    const char *description = text_of(operation, "description");
    if (strncmp(summary, description, strlen(summary)) != 0)
        write_prose(out, summary);
    write_prose(out, description);
    write_parameters(out, cJSON_GetObjectItemCaseSensitive(operation, "parameters"));
    const cJSON *body = content_schema(cJSON_GetObjectItemCaseSensitive(operation, "requestBody"));
    if (body != NULL) {
        buffer_text(out, "<p>Body: ");
        write_type(out, body);
        buffer_text(out, "</p>\n");
    }
    write_replies(out, cJSON_GetObjectItemCaseSensitive(operation, "responses"));
}

static void
write_schema(struct buffer *out, const cJSON *schema)
{
    const cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties"), *property;
    buffer_printf(out, "<h3 id=\"%s\">%s</h3>\n", schema->string, schema->string);
    write_prose(out, text_of(schema, "description"));
    if (properties == NULL) {
        buffer_text(out, "<p>");
        write_type(out, schema);
        buffer_text(out, "</p>\n");
        return;
    }
    buffer_text(out, "<table>\n");
    cJSON_ArrayForEach(property, properties)
    {
        write_row(out, property->string, property, text_of(property, "description"));
    }
    buffer_text(out, "</table>\n");
}

static bool
is_verb(const char *name)
{
    static const char *const verbs[] = {"get", "post", "put", "patch", "delete"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i], name) == 0)
            return true;
    return false;
}

void
docs_write(struct buffer *out, const char *openapi, size_t openapi_bytes)
{
    cJSON *document = cJSON_ParseWithLength(openapi, openapi_bytes);
    const cJSON *info = cJSON_GetObjectItemCaseSensitive(document, "info"), *path, *operation,
                *schema;
    const cJSON *components = cJSON_GetObjectItemCaseSensitive(document, "components");
    page_start(out, document == NULL ? "Escarcelle" : text_of(info, "title"));
    write_prose(out, text_of(info, "description"));
    buffer_text(out, "<h2>Operations</h2>\n");
    cJSON_ArrayForEach(path, cJSON_GetObjectItemCaseSensitive(document, "paths"))
    {
        cJSON_ArrayForEach(operation, path)
        {
            if (is_verb(operation->string))
                write_operation(out, path->string, operation);
        }
    }
    buffer_text(out, "<h2>Objects</h2>\n");
    cJSON_ArrayForEach(schema, cJSON_GetObjectItemCaseSensitive(components, "schemas"))
    {
        write_schema(out, schema);
    }
    page_end(out);
    cJSON_Delete(document);
}
