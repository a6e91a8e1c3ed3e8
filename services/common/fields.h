/* SPDX-License-Identifier: Apache-2.0
 * A message's fields by descriptor: what kind they are, their values, and paths to them. */
#ifndef ESCARCELLE_FIELDS_H
#define ESCARCELLE_FIELDS_H

#include "arena.h"

#include <stdbool.h>
#include <stdint.h>

/* What the code has to tell apart; how wide an integer is stays inside fields.c. */
enum field_kind {
    FIELD_INTEGER,
    FIELD_BOOLEAN,
    FIELD_ENUM,
    FIELD_STRING,
    FIELD_BYTES,
    FIELD_MESSAGE,
    FIELD_REAL, /* float and double: nothing of ours uses them, so they are refused */
};

/* One value of any kind; integers, booleans and enums are in `integer`. */
union field_value {
    int64_t integer;
    char *string;
    ProtobufCBinaryData bytes;
    ProtobufCMessage *message;
};

enum field_kind field_kind(const ProtobufCFieldDescriptor *field);
/* The field of that name (case matters), or NULL. */
const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *type,
                                           const char *name);
/* How many values a field holds: repeated as many as there are, else 0 or 1. */
size_t field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
/* The value at an index below field_count. Strings and messages are shared, not copied. */
union field_value field_value(const ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field, size_t index);
/* Replaces the value at an index below field_count. */
void field_replace(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t index,
                   union field_value value);
/* Sets a field, or appends to a repeated one, which must have been filled by this function alone
 * (its room grows by powers of two). False when an integer does not fit the field's width. */
bool field_add(struct arena *arena, ProtobufCMessage *message,
               const ProtobufCFieldDescriptor *field, union field_value value);

/* "open, closed": the words of an enum, for a sentence. */
const char *enum_words(struct arena *arena, const ProtobufCEnumDescriptor *type);
/* "funding call" of "FundingCall" or "funding.FundingCall": what a sentence calls an object. */
const char *object_words(struct arena *arena, const char *type);

/* RFC 4648, section 5, without padding. */
void base64url_write(struct buffer *out, const uint8_t *bytes, size_t length);
/* False when text is not base64url; the bytes are in the arena. */
bool base64url_read(struct arena *arena, const char *text, ProtobufCBinaryData *bytes);

/* The way to a value while a tree is walked: a member's name, or an index when name is NULL. The
 * root has no parent, and neither name nor index count. */
struct path {
    const struct path *parent;
    const char *name;
    size_t index;
};

/* RFC 6901: "/lines/0/unit"; "" for the root. */
const char *path_pointer(struct arena *arena, const struct path *path);
/* "lines.0.unit"; "" for the root. */
const char *path_dotted(struct arena *arena, const struct path *path);
/* Appends "/name", with "~" and "/" in the name escaped. */
void pointer_append(struct buffer *out, const char *name);

#endif
