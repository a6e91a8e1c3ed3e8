/* SPDX-License-Identifier: Apache-2.0
 * Words and template become a mail, twice: as it is sent, and with its secret link struck out. */
#include "mail_assembly.h"

#include "mail_kinds.h"
#include "mails.h"
#include "words.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* seller, link, expires, and the new budget that was waited for in vain. */
enum { OWN_VALUES = 4 };

struct mail_value *
mail_values(struct arena *arena, const StoredMail *mail)
{
    struct mail_value *values = arena_array(arena, mail->n_words + OWN_VALUES, sizeof *values);

    for (size_t i = 0; i < mail->n_words; i++)
        values[i] = (struct mail_value){mail->words[i]->name, mail->words[i]->text};
    return values;
}

static const struct mail_value *
values_of(struct arena *arena, const StoredMail *mail, const struct mail_enclosure *enclosure,
          size_t *count)
{
    struct mail_value *values = mail_values(arena, mail);
    size_t n = mail->n_words;

    values[n++] = (struct mail_value){"seller", mail->seller_name};
    if (enclosure->link != NULL) {
        values[n++] = (struct mail_value){"link", enclosure->link};
        values[n++] = (struct mail_value){
            "expires", moment_text(arena, enclosure->link_expires_at, mail->locale)};
    }
    values[n++] = (struct mail_value){"budget", ""}; /* the first of a name counts */
    *count = n;
    return values;
}

static bool
build(struct arena *arena, const StoredMail *mail, const struct mail_enclosure *enclosure,
      const struct mail_content *content, uint8_t **bytes, size_t *length, const char **error)
{
    const struct mime_message message = {
        .from = {mail->seller_name, mail->mail_from},
        .to = {mail->recipient_name, mail->recipient},
        .message_id = mail->message_id,
        .date = mail->created_at,
        .subject = content->subject,
        .text = content->text,
        .html = content->html,
        .attachments = enclosure->document,
        .attachment_count = enclosure->document == NULL ? 0 : 1,
    };

    return mime_build(arena, &message, bytes, length, error);
}

const char *
mail_sha256(struct arena *arena, const uint8_t *bytes, size_t length)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char *text = arena_alloc(arena, 2 * sizeof hash + 1);

    crypto_hash_sha256(hash, bytes, length);
    return sodium_bin2hex(text, 2 * sizeof hash + 1, hash, sizeof hash);
}

/* People search with the space bar; U+00A0 is two bytes. */
static const char *
plain_spaces(struct arena *arena, const struct mail_content *content)
{
    char *text = arena_printf(arena, "%s\n%s", content->subject, content->text), *to = text;

    for (const char *from = text; *from != '\0';)
        if (strncmp(from, "\u00a0", 2) == 0) {
            *to++ = ' ';
            from += 2;
        } else {
            *to++ = *from++;
        }
    *to = '\0';
    return text;
}

bool
mail_assemble(struct arena *arena, const StoredMail *mail, const struct mail_enclosure *enclosure,
              struct mail_bytes *out, const char **error)
{
    const char *template = mail_template_of(mail->kind, mail->audience);
    struct mail_content sent, kept;
    size_t count;
    const struct mail_value *values = values_of(arena, mail, enclosure, &count);

    *error = "there is no template for this mail, or it lacks a word";
    if (template == NULL || !mail_compose(arena, template, mail->locale, values, count, &sent) ||
        !mail_compose_struck(arena, template, mail->locale, values, count, &kept))
        return false;
    if (!build(arena, mail, enclosure, &sent, &out->sent, &out->sent_length, error) ||
        !build(arena, mail, enclosure, &kept, &out->kept, &out->kept_length, error))
        return false;
    out->subject = sent.subject;
    out->search_text = plain_spaces(arena, &kept);
    out->sha256 = mail_sha256(arena, out->sent, out->sent_length);
    return true;
}
