/* SPDX-License-Identifier: Apache-2.0
 * Builds mails with GMime; what it makes is freed with the arena. */
#include "mime.h"
#include "checks.h"
#include <gmime/gmime.h>
#include <string.h>

/* Keeps a GObject until the arena goes; NULL-safe callers only. */
static void *
keep(struct arena *arena, void *object)
{
    arena_defer(arena, g_object_unref, object);
    return object;
}

static bool
header_safe(const char *text)
{
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            return false;
    return check_utf8(text, strlen(text));
}

static const char *
fault(const struct mime_message *message)
{
    const char *const headers[] = {message->from.name ? message->from.name : "",
                                   message->to.name ? message->to.name : "", message->message_id,
                                   message->subject};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (!header_safe(headers[i]))
            return "a header has a control character or is not UTF-8";
    for (size_t i = 0; i < message->attachment_count; i++)
        if (!header_safe(message->attachments[i].name))
            return "the name of an attachment has a control character or is not UTF-8";
    if (!check_email(message->from.address) || !check_email(message->to.address))
        return "an address is malformed";
    if (!check_utf8(message->text, strlen(message->text)) ||
        !check_utf8(message->html, strlen(message->html)))
        return "the content is not UTF-8";
    return NULL;
}

static GMimeObject *
text_part(struct arena *arena, const char *subtype, const char *text)
{
    GMimeTextPart *part = keep(arena, g_mime_text_part_new_with_subtype(subtype));
    g_mime_text_part_set_charset(part, "UTF-8");
    g_mime_text_part_set_text(part, text);
    g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    return GMIME_OBJECT(part);
}

static GMimeObject *
attachment_part(struct arena *arena, const struct mime_attachment *attachment)
{
    GMimeStream *stream =
        keep(arena, g_mime_stream_mem_new_with_buffer(attachment->bytes, attachment->length));
    GMimeDataWrapper *content =
        keep(arena, g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT));
    GMimePart *part = keep(arena, g_mime_part_new());
    GMimeContentType *type = keep(arena, g_mime_content_type_parse(NULL, attachment->media_type));
    g_mime_object_set_content_type(GMIME_OBJECT(part), type);
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_BASE64);
    g_mime_object_set_disposition(GMIME_OBJECT(part), GMIME_DISPOSITION_ATTACHMENT);
    g_mime_part_set_filename(part, attachment->name);
    return GMIME_OBJECT(part);
}

/* A multipart whose boundary is fixed by the message: "=_" occurs in no encoded content. */
static GMimeMultipart *
multipart(struct arena *arena, const char *subtype, const struct mime_message *message)
{
    GMimeMultipart *parts = keep(arena, g_mime_multipart_new_with_subtype(subtype));
    const char *boundary =
        arena_printf(arena, "=_%s_%08x", subtype, g_str_hash(message->message_id));
    g_mime_multipart_set_boundary(parts, boundary);
    return parts;
}

static GMimeObject *
content(struct arena *arena, const struct mime_message *message)
{
    GMimeMultipart *alternative = multipart(arena, "alternative", message);
    g_mime_multipart_add(alternative, text_part(arena, "plain", message->text));
    g_mime_multipart_add(alternative, text_part(arena, "html", message->html));
    if (message->attachment_count == 0)
        return GMIME_OBJECT(alternative);
    GMimeMultipart *mixed = multipart(arena, "mixed", message);
    g_mime_multipart_add(mixed, GMIME_OBJECT(alternative));
    for (size_t i = 0; i < message->attachment_count; i++)
        g_mime_multipart_add(mixed, attachment_part(arena, &message->attachments[i]));
    return GMIME_OBJECT(mixed);
}

static void
write_message(struct arena *arena, GMimeMessage *mail, uint8_t **bytes, size_t *length)
{
    GMimeStream *stream = keep(arena, g_mime_stream_mem_new());
    GMimeFormatOptions *format = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
    g_mime_object_write_to_stream(GMIME_OBJECT(mail), format, stream);
    g_mime_format_options_free(format);
    const GByteArray *written = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    *bytes = arena_memdup(arena, written->data, written->len);
    *length = written->len;
}

/* Whether a header names this one address, as it is but for the case of letters. */
static bool
is_addressed(GMimeMessage *mail, GMimeAddressType type, const char *address)
{
    InternetAddressList *list = g_mime_message_get_addresses(mail, type);
    InternetAddress *first = internet_address_list_get_address(list, 0);
    const char *written =
        INTERNET_ADDRESS_IS_MAILBOX(first)
            ? internet_address_mailbox_get_idn_addr(INTERNET_ADDRESS_MAILBOX(first))
            : NULL;
    return internet_address_list_length(list) == 1 && written != NULL &&
           strcasecmp(written, address) == 0;
}

bool
mime_build(struct arena *arena, const struct mime_message *message, uint8_t **bytes, size_t *length,
           const char **error)
{
    g_mime_init(); /* counted: only the first call of a process does anything */
    GDateTime *date = g_date_time_new_from_iso8601(message->date, NULL);
    *error = date ? fault(message) : "the date is malformed";
    if (*error) {
        g_clear_pointer(&date, g_date_time_unref);
        return false;
    }
    GMimeMessage *mail = keep(arena, g_mime_message_new(TRUE));
    g_mime_message_set_date(mail, date);
    g_date_time_unref(date);
    g_mime_message_add_mailbox(mail, GMIME_ADDRESS_TYPE_FROM, message->from.name,
                               message->from.address);
    g_mime_message_add_mailbox(mail, GMIME_ADDRESS_TYPE_TO, message->to.name, message->to.address);
    /* A domain that only looks like the ASCII form of another one ("xn--") would be written as something else. */
    if (!is_addressed(mail, GMIME_ADDRESS_TYPE_FROM, message->from.address) ||
        !is_addressed(mail, GMIME_ADDRESS_TYPE_TO, message->to.address)) {
        *error = "an address has a domain that cannot exist";
        return false;
    }
    g_mime_message_set_subject(mail, message->subject, "UTF-8");
    g_mime_message_set_message_id(mail, message->message_id);
    /* RFC 3834: no automatic answer is wanted. */
    g_mime_object_set_header(GMIME_OBJECT(mail), "Auto-Submitted", "auto-generated", "UTF-8");
    g_mime_message_set_mime_part(mail, content(arena, message));
    write_message(arena, mail, bytes, length);
    return true;
}
