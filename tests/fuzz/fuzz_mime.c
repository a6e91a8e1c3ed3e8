/* SPDX-License-Identifier: Apache-2.0
 * Names, addresses, subjects and texts of any kind as a mail: it is refused, or has one header of each kind, lines
 * of ASCII that end with CR LF and are short enough, and both addresses as they were given. */
#include "mime.h"

#include "checks.h"
#include "input.h"

#include <assert.h>
#include <string.h>

enum { LINE_BYTES_MAX = 998 };

static size_t
count(const char *text, const char *part)
{
    size_t found = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        found++;
    return found;
}

static void
check_lines(const uint8_t *bytes, size_t length)
{
    size_t start = 0;

    for (size_t i = 0; i < length; i++) {
        assert(bytes[i] != '\0' && bytes[i] < 0x80);
        if (bytes[i] == '\r')
            assert(i + 1 < length && bytes[i + 1] == '\n');
        if (bytes[i] != '\n')
            continue;
        assert(i > 0 && bytes[i - 1] == '\r' && i - start <= LINE_BYTES_MAX);
        start = i + 1;
    }
}

/* A header that was smuggled in would be one more of them. */
static void
check_headers(struct arena *arena, const char *mail, const struct mime_message *message)
{
    static const char *const names[] = {
        "From:",       "To:",           "Subject:",        "Date:",
        "Message-Id:", "MIME-Version:", "Auto-Submitted:", "Content-Type:"};
    const char *end = strstr(mail, "\r\n\r\n");
    size_t lines = 0;

    assert(end != NULL);
    const char *head = arena_printf(arena, "\r\n%.*s\r\n", (int)(end - mail), mail);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert(count(head, arena_printf(arena, "\r\n%s", names[i])) == 1);
    for (const char *at = head; (at = strstr(at, "\r\n")) != NULL; at += 2)
        lines += at[2] != ' ' && at[2] != '\t' && at[2] != '\0';
    assert(lines == sizeof names / sizeof *names);
    assert(strstr(head, message->from.address) != NULL &&
           strcasestr(head, message->to.address) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    struct mime_message message = {.message_id = "1@mail.example", .date = "2026-11-22T18:19:00Z"};
    const char *error = NULL;
    uint8_t *bytes;
    size_t length;

    message.from = (struct mime_address){"Escarcelle", "no-reply@mail.example"};
    message.to.address = input_text(&input, arena);
    message.to.name = input_text(&input, arena);
    message.subject = input_text(&input, arena);
    message.text = input_text(&input, arena);
    message.html = input_text(&input, arena);
    if (!mime_build(arena, &message, &bytes, &length, &error)) {
        assert(error != NULL && *error != '\0');
        return 0;
    }
    assert(check_email(message.to.address));
    check_lines(bytes, length);
    check_headers(arena, arena_strndup(arena, (const char *)bytes, length), &message);
    return 0;
}
