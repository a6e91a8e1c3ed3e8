/* SPDX-License-Identifier: Apache-2.0
 * Field values as text and back: path segments, query parameters, SQL columns, enum words. */
#include "fields.h"
#include "json.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A value's name without its enum's: "CLIENT_STATUS_PENDING" of ClientStatus → "PENDING". */
static const char *
name_without_prefix(const ProtobufCEnumDescriptor *type, const char *name)
{
    const char *rest = name;
    for (const char *letter = type->short_name; *letter != '\0'; letter++) {
        if (*rest == '_')
            rest++;
        if (*rest != toupper((unsigned char)*letter))
            return name;
        rest++;
    }
    return *rest == '_' ? rest + 1 : name;
}

const char *
enum_word(struct arena *arena, const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(type, value);
    if (named == NULL)
        return arena_printf(arena, "%d", value);
    char *word = arena_strdup(arena, name_without_prefix(type, named->name));
    for (char *letter = word; *letter != '\0'; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    return word;
}

static bool
is_word_of(const char *word, const char *capitals)
{
    for (; *word != '\0' && *capitals != '\0'; word++, capitals++) {
        if (*word != tolower((unsigned char)*capitals))
            return false;
    }
    return *word == *capitals;
}

bool
enum_value(const ProtobufCEnumDescriptor *type, const char *word, int *value)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        if (is_word_of(word, name_without_prefix(type, type->values[i].name))) {
            *value = type->values[i].value;
            return true;
        }
    }
    return false;
}

const char *
enum_words(struct arena *arena, const ProtobufCEnumDescriptor *type)
{
    struct buffer out;
    buffer_init(&out, arena);
    for (unsigned i = 0; i < type->n_values; i++) {
        buffer_text(&out, i == 0 ? "" : ", ");
        buffer_text(&out, enum_word(arena, type, type->values[i].value));
    }
    return out.bytes;
}

const char *
object_words(struct arena *arena, const char *type)
{
    const char *dot = strchr(type, '.'), *name = dot == NULL ? type : dot + 1;
    struct buffer out;
    buffer_init(&out, arena);
    for (const char *c = name; *c != '\0'; c++) {
        char lower = (char)tolower((unsigned char)*c);
        if (isupper((unsigned char)*c) && c != name)
            buffer_text(&out, " ");
        buffer_append(&out, &lower, 1);
    }
    return out.bytes;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base64url_write(struct buffer *out, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += 3) {
        size_t taken = length - i < 3 ? length - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (taken > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (taken > 2)
            group |= bytes[i + 2];
        char quad[4];
        for (unsigned k = 0; k < 4; k++)
            quad[k] = base64url[group >> (18 - 6 * k) & 63];
        buffer_append(out, quad, taken + 1);
    }
}

bool
base64url_read(struct arena *arena, const char *text, ProtobufCBinaryData *bytes)
{
    size_t length = strlen(text);
    if (length % 4 == 1)
        return false;
    uint8_t *data = arena_alloc(arena, length / 4 * 3 + 3);
    size_t written = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = strchr(base64url, text[i]);
        if (digit == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(digit - base64url);
        if (i % 4 != 0)
            data[written++] = (uint8_t)(bits >> (6 - 2 * (i % 4)) & 255);
    }
    /* Bits beyond the last whole byte must be zero, or two texts would mean the same bytes. */
    if (length % 4 != 0 && (bits & (length % 4 == 2 ? 15U : 3U)) != 0)
        return false;
    *bytes = (ProtobufCBinaryData){.len = written, .data = data};
    return true;
}

static int
hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* bytea as PostgreSQL writes it, without its "\x". */
static bool
hex_read(struct arena *arena, const char *text, ProtobufCBinaryData *bytes)
{
    size_t length = strlen(text);
    if (length % 2 != 0)
        return false;
    uint8_t *data = arena_alloc(arena, length / 2 + 1);
    for (size_t i = 0; i < length; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        data[i / 2] = (uint8_t)(high << 4 | low);
    }
    *bytes = (ProtobufCBinaryData){.len = length / 2, .data = data};
    return true;
}

static bool
integer_read(const char *text, int64_t *value)
{
    if (!isdigit((unsigned char)text[*text == '-' ? 1 : 0]))
        return false;
    char *end;
    errno = 0;
    long long parsed = strtoll(text, &end, 10);
    *value = parsed;
    return errno == 0 && *end == '\0';
}

static bool
boolean_read(const char *text, int64_t *value)
{
    *value = strcmp(text, "true") == 0 || strcmp(text, "t") == 0;
    return *value || strcmp(text, "false") == 0 || strcmp(text, "f") == 0;
}

static bool
value_read(struct arena *arena, const ProtobufCFieldDescriptor *field, const char *text,
           union field_value *value)
{
    int word;
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        return integer_read(text, &value->integer);
    case FIELD_BOOLEAN:
        return boolean_read(text, &value->integer);
    case FIELD_ENUM:
        if (!enum_value(field->descriptor, text, &word))
            return false;
        value->integer = word;
        return true;
    case FIELD_STRING:
        value->string = arena_strdup(arena, text);
        return true;
    case FIELD_BYTES:
        if (strncmp(text, "\\x", 2) == 0)
            return hex_read(arena, text + 2, &value->bytes);
        return base64url_read(arena, text, &value->bytes);
    case FIELD_MESSAGE:
    case FIELD_REAL:
        break;
    }
    return false;
}

bool
field_set_text(struct arena *arena, ProtobufCMessage *message,
               const ProtobufCFieldDescriptor *field, const char *text)
{
    union field_value value = {0};
    return value_read(arena, field, text, &value) && field_add(arena, message, field, value);
}

static const char *
bytea_text(struct arena *arena, ProtobufCBinaryData bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_alloc(arena, bytes.len * 2 + 3);
    char *at = text;
    *at++ = '\\';
    *at++ = 'x';
    for (size_t i = 0; i < bytes.len; i++) {
        *at++ = digits[bytes.data[i] >> 4];
        *at++ = digits[bytes.data[i] & 15];
    }
    return text;
}

const char *
field_text(struct arena *arena, const ProtobufCMessage *message,
           const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED || !field_is_set(message, field))
        return NULL;
    union field_value value = field_value(message, field, 0);
    switch (field_kind(field)) {
    case FIELD_INTEGER:
        return arena_printf(arena, "%" PRId64, value.integer);
    case FIELD_BOOLEAN:
        return value.integer ? "true" : "false";
    case FIELD_ENUM:
        return enum_word(arena, field->descriptor, (int)value.integer);
    case FIELD_STRING:
        return value.string;
    case FIELD_BYTES:
        return bytea_text(arena, value.bytes);
    case FIELD_MESSAGE:
    case FIELD_REAL:
        break;
    }
    return NULL;
}

static bool
matches(const char *text, const char *shape)
{
    for (; *shape != '\0'; text++, shape++) {
        if (*shape == '9' ? !isdigit((unsigned char)*text) : *text != *shape)
            return false;
    }
    return true;
}

const char *
instant_from_sql(struct arena *arena, const char *text)
{
    static const char day[] = "9999-99-99", time[] = "99:99:99";
    if (!matches(text, day) || (text[10] != ' ' && text[10] != 'T') || !matches(text + 11, time))
        return NULL;
    char milliseconds[] = "000";
    const char *zone = text + 19;
    if (*zone == '.') {
        size_t digits = strspn(++zone, "0123456789");
        memcpy(milliseconds, zone, digits < 3 ? digits : 3);
        zone += digits;
    }
    if (strcmp(zone, "+00") != 0 && strcmp(zone, "+00:00") != 0)
        return NULL;
    return arena_printf(arena, "%.10sT%.8s.%sZ", text, text + 11, milliseconds);
}
