/* SPDX-License-Identifier: Apache-2.0
 * Writes each log line with one write(2), so that the lines of several processes don't mix. */
#include "log.h"

#include "checks.h"
#include "dates.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MESSAGE_BYTES_MAX = 2048, /* a longer message is cut */
    NAME_BYTES_MAX = 32,
    REQUEST_ID_BYTES_MAX = 128,
    LINE_BYTES_MAX = 6 * (MESSAGE_BYTES_MAX + REQUEST_ID_BYTES_MAX + 2 * NAME_BYTES_MAX) + 256
};

/* Room for the worst case, every byte escaped as \u00xx, so nothing here can overflow. */
struct line {
    char bytes[LINE_BYTES_MAX];
    size_t length;
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static char program_name[NAME_BYTES_MAX] = "escarcelle";
static char role_name[NAME_BYTES_MAX];
static char request_name[REQUEST_ID_BYTES_MAX];
static enum log_level level_min = LOG_INFO_;

static void
copy_name(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text == NULL ? "" : text);
}

void
log_open(const char *program, const char *role, const char *level)
{
    copy_name(program_name, sizeof program_name, program);
    copy_name(role_name, sizeof role_name, role);
    for (enum log_level known = LOG_DEBUG_; known <= LOG_ERROR_; known++)
        if (strcmp(level, level_names[known]) == 0) {
            level_min = known;
            return;
        }
    log_warning("%s is not a level of the log: debug, info, warning or error", level);
}

void
log_request(const char *request_id)
{
    copy_name(request_name, sizeof request_name, request_id);
}

static void
append(struct line *line, const char *bytes, size_t length)
{
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

static void
append_text(struct line *line, const char *text)
{
    append(line, text, strlen(text));
}

/* Bytes of the valid UTF-8 character at the front, 0 when there is none. */
static size_t
character_bytes(const char *text)
{
    size_t left = strnlen(text, 4);

    for (size_t length = 1; length <= left; length++)
        if (check_utf8(text, length))
            return length;
    return 0;
}

static void
append_escaped(struct line *line, const char *text)
{
    while (*text != '\0') {
        size_t length = character_bytes(text);
        char escape[8];

        if (length == 0) {
            append_text(line, "\\ufffd");
            text++;
            continue;
        }
        if (*text == '"' || *text == '\\') {
            append_text(line, "\\");
            append(line, text, 1);
        } else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*text);
            append_text(line, escape);
        } else {
            append(line, text, length);
        }
        text += length;
    }
}

static void
append_member(struct line *line, const char *name, const char *text)
{
    if (*text == '\0')
        return;
    append_text(line, line->length == 0 ? "{\"" : ",\"");
    append_text(line, name);
    append_text(line, "\":\"");
    append_escaped(line, text);
    append_text(line, "\"");
}

static void
flush(const struct line *line)
{
    size_t written = 0;

    while (written < line->length) {
        ssize_t bytes = write(STDERR_FILENO, line->bytes + written, line->length - written);

        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes < 0)
            return; /* nobody listens: there is nowhere left to say so */
        written += (size_t)bytes;
    }
}

static void __attribute__((format(printf, 2, 0)))
log_line(enum log_level level, const char *format, va_list arguments)
{
    int error = errno; /* logging must not disturb what is being reported */
    struct line line;
    char message[MESSAGE_BYTES_MAX], now[25];

    line.length = 0;
    instant_now(now);
    vsnprintf(message, sizeof message, format, arguments);
    append_member(&line, "time", now);
    append_member(&line, "level", level_names[level]);
    append_member(&line, "program", program_name);
    append_member(&line, "role", role_name);
    append_member(&line, "request_id", request_name);
    append_member(&line, "message", message);
    append_text(&line, "}\n");
    flush(&line);
    errno = error;
}

void
log_write(enum log_level level, const char *format, ...)
{
    va_list arguments;

    if (level < level_min)
        return;
    va_start(arguments, format);
    log_line(level, format, arguments);
    va_end(arguments);
}

void
fatal(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_line(LOG_ERROR_, format, arguments);
    va_end(arguments);
    exit(1);
}
