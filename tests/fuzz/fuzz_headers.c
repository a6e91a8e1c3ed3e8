/* SPDX-License-Identifier: Apache-2.0
 * Header values say what they say: what is read can be written and read again, and no value prefers both of
 * two things, or one that it does not accept. */
#include "headers.h"

#include "bounds.h"
#include "input.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static void
check_accept(const char *value)
{
    static const char json[] = "application/json", html[] = "text/html";
    bool html_first = header_prefers(value, html, json),
         json_first = header_prefers(value, json, html);

    assert(!html_first || (!json_first && header_accepts(value, html)));
    assert(!json_first || header_accepts(value, json));
    assert(!header_prefers_language(value, "en", "fr") ||
           !header_prefers_language(value, "fr", "en"));
    assert(!header_is_media_type(value, json) || !header_is_media_type(value, html));
    (void)header_lists(value, "dry-run");
}

static void
check_entity_tag(struct arena *arena, const char *value)
{
    int64_t version = -1, again = -1;

    if (!header_entity_tag(value, &version))
        return;
    assert(version >= 0 && version <= INT64_C(999999999999999999));
    const char *tag = arena_printf(arena, "\"%" PRId64 ".7\"", version);
    assert(header_entity_tag(tag, &again) && again == version);
    assert(header_none_match(tag, tag));
    assert(header_none_match(arena_printf(arena, "%s, W/%s", value, tag), tag));
}

static void
check_key(struct arena *arena, const char *value)
{
    const char *key = header_idempotency_key(arena, value);

    if (key == NULL)
        return;
    assert(*key != '\0' && strlen(key) <= IDEMPOTENCY_KEY_BYTES_MAX);
    for (const char *at = key; *at != '\0'; at++)
        assert(*at >= ' ' && *at <= '~' && *at != '"');
    input_expect_same(header_idempotency_key(arena, arena_printf(arena, " \"%s\"\t", key)), key);
}

static void
check_words(const char *value)
{
    const char *token = header_bearer(value);

    if (header_is_request_id(value))
        assert(*value != '\0' && strlen(value) <= REQUEST_ID_BYTES_MAX);
    if (header_is_traceparent(value))
        assert(strlen(value) == 55 && value[2] == '-' && value[35] == '-' && value[52] == '-');
    if (token != NULL)
        assert(*token != '\0' && strlen(token) <= TOKEN_BYTES_MAX &&
               strpbrk(token, " \t\"") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = input_arena();
    struct input input = {data, size};
    const char *value = input_text(&input, arena);

    check_accept(value);
    check_entity_tag(arena, value);
    check_key(arena, value);
    check_words(value);
    return 0;
}
