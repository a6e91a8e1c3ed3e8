/* SPDX-License-Identifier: Apache-2.0
 * Fills mail templates with values and lays them out as text and as HTML. Pure. */
#include "mails.h"
#include "words.h"
#include <assert.h>
#include <string.h>

#define FONT "font-family:'Helvetica Neue',Helvetica,Arial,sans-serif;"

/* A mail being written. */
struct letter {
    struct arena *arena;
    const struct mail_template *template;
    const struct mail_value *values;
    size_t count;
    const char *link; /* NULL without one */
    bool struck;      /* the link must not be shown */
    struct buffer text, html;
    bool in_table;
    bool incomplete; /* a placeholder had no value */
};

static const char *
given(const struct mail_value *values, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(values[i].name, name, length) == 0 && !values[i].name[length])
            return values[i].text;
    return NULL;
}

static const char *
value_of(const struct letter *letter, const char *name, size_t length)
{
    if (length == strlen("link") && memcmp(name, "link", length) == 0)
        return letter->link;
    return given(letter->values, letter->count, name, length);
}

/* The text with its placeholders filled; NULL when one of them is empty. */
static const char *
fill(struct letter *letter, const char *pattern)
{
    struct buffer out;
    buffer_init(&out, letter->arena);
    buffer_text(&out, "");
    bool empty = false;
    for (const char *at = pattern; *at;) {
        size_t plain = strcspn(at, "{");
        buffer_append(&out, at, plain);
        at += plain;
        if (!*at)
            break;
        size_t length = strcspn(++at, "}");
        const char *value = value_of(letter, at, length);
        letter->incomplete |= !value;
        empty |= !value || !*value;
        buffer_text(&out, value ? value : "");
        at += length + (at[length] == '}');
    }
    return empty ? NULL : out.bytes;
}

/* Text as HTML: special characters escaped, line ends kept. */
static const char *
escaped(struct arena *arena, const char *text)
{
    static const char *const entities[128] = {
        ['&'] = "&amp;",  ['<'] = "&lt;",   ['>'] = "&gt;",
        ['"'] = "&quot;", ['\''] = "&#39;", ['\n'] = "<br>\n"};
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, "");
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 128 && entities[byte])
            buffer_text(&out, entities[byte]);
        else
            buffer_append(&out, text, 1);
    }
    return out.bytes;
}

/* A subject is one line, whatever its values hold. */
static const char *
one_line(struct arena *arena, const char *text)
{
    char *line = arena_strdup(arena, text);
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7F)
            *at = ' ';
    return line;
}

static void
end_table(struct letter *letter)
{
    if (!letter->in_table)
        return;
    letter->in_table = false;
    buffer_text(&letter->text, "\n");
    buffer_text(&letter->html, "</table>\n");
}

static void
add_paragraph(struct letter *letter, const char *pattern)
{
    const char *sentence = fill(letter, pattern);
    if (!sentence)
        return;
    end_table(letter);
    buffer_printf(&letter->text, "%s\n\n", sentence);
    buffer_printf(&letter->html, "<p style=\"margin:0 0 16px\">%s</p>\n",
                  escaped(letter->arena, sentence));
}

static void
add_row(struct letter *letter, const char *block, const char *bar)
{
    const char *name = arena_strndup(letter->arena, block, (size_t)(bar - block));
    const char *value = fill(letter, bar + strlen(" | "));
    if (!value)
        return;
    if (!letter->in_table)
        buffer_text(
            &letter->html,
            "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" "
            "style=\"margin:0 0 20px;border-collapse:collapse\">\n");
    letter->in_table = true;
    buffer_printf(&letter->text, "%s%s %s\n", name,
                  words_english(letter->template->locale) ? ":" : "\u00a0:", value);
    buffer_printf(&letter->html,
                  "<tr><td style=\"" FONT "padding:7px 12px 7px 0;border-bottom:1px solid #e3e8ef;"
                  "font-size:14px;line-height:20px;color:#5b6675;vertical-align:top\">%s</td>"
                  "<td align=\"right\" style=\"" FONT
                  "padding:7px 0;border-bottom:1px solid #e3e8ef;"
                  "font-size:14px;line-height:20px;color:#1c2430;font-weight:bold;"
                  "vertical-align:top;word-break:break-word\">%s</td></tr>\n",
                  escaped(letter->arena, name), escaped(letter->arena, value));
}

static void
add_button(struct letter *letter, const char *block)
{
    const char *label = arena_strndup(letter->arena, block + 1, strlen(block) - 2);
    end_table(letter);
    letter->incomplete |= !letter->link;
    if (!letter->link)
        return;
    buffer_printf(&letter->text, "%s%s\n%s\n\n", label,
                  words_english(letter->template->locale) ? ":" : "\u00a0:", letter->link);
    const char *link = escaped(letter->arena, letter->link);
    if (letter->struck) {
        buffer_printf(&letter->html, "<p style=\"margin:0 0 16px\"><b>%s</b><br>%s</p>\n",
                      escaped(letter->arena, label), link);
        return;
    }
    buffer_printf(
        &letter->html,
        "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" "
        "style=\"margin:4px 0 22px\"><tr><td bgcolor=\"#1f3f66\" "
        "style=\"border-radius:6px\"><a href=\"%s\" style=\"" FONT
        "display:inline-block;padding:13px 24px;font-size:15px;line-height:20px;"
        "font-weight:bold;color:#ffffff;text-decoration:none\">%s</a></td></tr></table>\n",
        link, escaped(letter->arena, label));
}

static void
add_block(struct letter *letter, const char *block)
{
    const char *bar = strstr(block, " | ");
    if (block[0] == '[')
        add_button(letter, block);
    else if (bar)
        add_row(letter, block, bar);
    else
        add_paragraph(letter, block);
}

static void
open_page(struct letter *letter, const char *subject)
{
    const char *seller = value_of(letter, "seller", strlen("seller"));
    letter->incomplete |= !seller;
    buffer_printf(&letter->html,
                  "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light\">\n<title>%s</title>\n</head>\n",
                  letter->template->locale, escaped(letter->arena, subject));
    buffer_printf(
        &letter->html,
        "<body style=\"margin:0;padding:0;background:#eef2f7\">\n"
        "<table role=\"presentation\" width=\"100%%\" cellpadding=\"0\" cellspacing=\"0\" "
        "bgcolor=\"#eef2f7\"><tr><td align=\"center\" style=\"padding:24px 12px\">\n"
        "<table role=\"presentation\" width=\"100%%\" cellpadding=\"0\" cellspacing=\"0\" "
        "style=\"max-width:580px\">\n"
        "<tr><td style=\"" FONT "padding:0 4px 12px;font-size:15px;line-height:22px;"
        "font-weight:bold;color:#1f3f66\">%s</td></tr>\n"
        "<tr><td bgcolor=\"#ffffff\" style=\"" FONT
        "padding:28px 24px 12px;border-top:4px solid #1f3f66;border-radius:6px;"
        "font-size:15px;line-height:23px;color:#1c2430\">\n",
        escaped(letter->arena, seller ? seller : ""));
}

static void
close_page(struct letter *letter)
{
    const char *reason = fill(
        letter, words_spaced(letter->arena, letter->template->reason, letter->template->locale));
    const char *seller = value_of(letter, "seller", strlen("seller"));
    end_table(letter);
    buffer_printf(&letter->text, "%s\n\n-- \n%s\n", seller ? seller : "", reason ? reason : "");
    buffer_printf(&letter->html,
                  "</td></tr>\n<tr><td style=\"" FONT "padding:14px 4px 0;font-size:12px;"
                  "line-height:18px;color:#5b6675\">%s</td></tr>\n</table>\n</td></tr></table>\n"
                  "</body>\n</html>\n",
                  escaped(letter->arena, reason ? reason : ""));
}

static bool
write_letter(struct letter *letter, struct mail_content *out)
{
    const char *locale = letter->template->locale;
    const char *filled =
        fill(letter, words_spaced(letter->arena, letter->template->subject, locale));
    const char *subject = one_line(letter->arena, filled ? filled : "");
    buffer_init(&letter->text, letter->arena);
    buffer_init(&letter->html, letter->arena);
    open_page(letter, subject);
    for (size_t i = 0; i < MAIL_BLOCKS_MAX && letter->template->blocks[i]; i++)
        add_block(letter, words_spaced(letter->arena, letter->template->blocks[i], locale));
    close_page(letter);
    *out = (struct mail_content){subject, letter->text.bytes, letter->html.bytes};
    return filled && !letter->incomplete;
}

static bool
compose(struct letter *letter, const char *kind, const char *locale, struct mail_content *out)
{
    letter->template = mail_template(kind, locale);
    if (!letter->template)
        return false;
    letter->link = given(letter->values, letter->count, "link", strlen("link"));
    if (letter->link && letter->struck)
        letter->link = words_english(letter->template->locale) ? "[secret link removed]"
                                                               : "[lien secret retiré]";
    return write_letter(letter, out);
}

bool
mail_compose(struct arena *arena, const char *kind, const char *locale,
             const struct mail_value *values, size_t count, struct mail_content *out)
{
    struct letter letter = {.arena = arena, .values = values, .count = count};
    return compose(&letter, kind, locale, out);
}

bool
mail_compose_struck(struct arena *arena, const char *kind, const char *locale,
                    const struct mail_value *values, size_t count, struct mail_content *out)
{
    struct letter letter = {.arena = arena, .values = values, .count = count, .struck = true};
    return compose(&letter, kind, locale, out);
}

const char *
mail_digest(struct arena *arena, const char *kind, const char *locale,
            const struct mail_value *values, size_t count)
{
    struct letter letter = {.arena = arena, .values = values, .count = count};
    const char *subject, *separator = "\n";
    struct buffer out;
    letter.template = kind ? mail_template(kind, locale) : NULL;
    subject = letter.template ? fill(&letter, words_spaced(arena, letter.template->subject, locale))
                              : NULL;
    if (!subject)
        return NULL;
    buffer_init(&out, arena);
    buffer_text(&out, one_line(arena, subject));
    for (size_t i = 0; i < MAIL_BLOCKS_MAX && letter.template->blocks[i]; i++) {
        const char *block = words_spaced(arena, letter.template->blocks[i], locale);
        const char *bar = strstr(block, " | ");
        const char *value = bar ? fill(&letter, bar + strlen(" | ")) : NULL;
        if (!value || strstr(letter.template->subject, bar + strlen(" | ")))
            continue;
        buffer_printf(&out, "%s%.*s%s %s", separator, (int)(bar - block), block,
                      words_english(locale) ? ":" : "\u00a0:", value);
        separator = " · ";
    }
    return letter.incomplete ? NULL : out.bytes;
}

static bool
listed(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void
collect(struct arena *arena, const char *pattern, const char **names, size_t *count)
{
    for (const char *at = strchr(pattern, '{'); at; at = strchr(at, '{')) {
        size_t length = strcspn(++at, "}");
        const char *name = arena_strndup(arena, at, length);
        if (listed(names, *count, name))
            continue;
        assert(*count < MAIL_PLACEHOLDERS_MAX);
        names[(*count)++] = name;
    }
}

size_t
mail_placeholders(struct arena *arena, const struct mail_template *template,
                  const char *const **names)
{
    const char **found = arena_array(arena, MAIL_PLACEHOLDERS_MAX, sizeof *found);
    size_t count = 0;
    collect(arena, "{seller}", found, &count);
    collect(arena, template->subject, found, &count);
    collect(arena, template->reason, found, &count);
    for (size_t i = 0; i < MAIL_BLOCKS_MAX && template->blocks[i]; i++)
        collect(arena, template->blocks[i][0] == '[' ? "{link}" : template->blocks[i], found,
                &count);
    *names = found;
    return count;
}
