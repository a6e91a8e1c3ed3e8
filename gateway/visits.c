/* SPDX-License-Identifier: Apache-2.0
 * What all pages behind mailed links share: whose visit it is, in which language, what is wrong. */
#include "visits.h"

#include "headers.h"
#include "http.h"
#include "pages.h"
#include "words.h"

#include <stdarg.h>
#include <string.h>

static const struct visit_page *const visit_pages[] = {&password_page, &review_page};

static bool
comes_from_browser(const struct exchange *exchange)
{
    if (strcmp(exchange->route->verb, "POST") == 0)
        return header_is_media_type(http_header(exchange, "Content-Type"),
                                    "application/x-www-form-urlencoded");
    return header_prefers(http_header(exchange, "Accept"), "text/html", "application/json");
}

void
visit_consider(struct exchange *exchange)
{
    bool english = header_prefers_language(http_header(exchange, "Accept-Language"), "en", "fr");

    for (size_t i = 0; i < sizeof visit_pages / sizeof *visit_pages; i++)
        if (strcmp(visit_pages[i]->path, exchange->route->path) == 0 &&
            comes_from_browser(exchange)) {
            exchange->visit = arena_alloc(exchange->arena, sizeof *exchange->visit);
            exchange->visit->page = visit_pages[i];
            exchange->visit->language = english ? "en" : "fr";
            exchange->visit->status = 200;
        }
}

/* ---- what is wrong */

void
visit_blame(struct visit *visit, int status, const char *field, const char *code)
{
    visit->status = status;
    if (visit->faults_count < VISIT_FAULTS_MAX)
        visit->faults[visit->faults_count++] = (struct visit_fault){field, code};
}

bool
visit_keep(struct exchange *exchange, int status, const Wire__Problem *problem)
{
    struct arena *arena = exchange->arena;

    if (!exchange->route->writes || (status != 422 && status != 409))
        return false;
    for (size_t i = 0; i < problem->n_errors; i++) {
        const Wire__Violation *error = problem->errors[i];
        const char *pointer = error->pointer == NULL ? "" : error->pointer;

        visit_blame(exchange->visit, status, arena_strdup(arena, pointer + (*pointer == '/')),
                    arena_strdup(arena, error->code));
    }
    if (problem->n_errors == 0)
        visit_blame(exchange->visit, status, "", arena_strdup(arena, problem->code));
    return true;
}

static const char *
fault_text(struct exchange *exchange, const struct visit_fault *fault)
{
    const struct visit_fault_words *words = exchange->visit->page->faults;

    for (; words->field != NULL; words++)
        if (strcmp(words->field, fault->field) == 0 &&
            (words->code == NULL || strcmp(words->code, fault->code) == 0))
            return visit_words(exchange, "%s", "%s",
                               words_english(exchange->visit->language) ? words->english
                                                                        : words->french);
    return visit_words(exchange, "Cette valeur n’est pas acceptée.", "This value is not accepted.");
}

static const struct visit_fault *
fault_of(const struct visit *visit, const char *field)
{
    for (size_t i = 0; i < visit->faults_count; i++)
        if (strcmp(visit->faults[i].field, field) == 0)
            return &visit->faults[i];
    return NULL;
}

/* ---- words and parts of pages */

const char *
visit_words(struct exchange *exchange, const char *french, const char *english, ...)
{
    bool in_english = words_english(exchange->visit->language);
    const char *text;
    va_list arguments;

    va_start(arguments, english);
    text = arena_vprintf(exchange->arena, in_english ? english : french, arguments);
    va_end(arguments);
    return words_spaced(exchange->arena, text, exchange->visit->language);
}

const char *
visit_typed(const struct visit *visit, const char *field)
{
    for (size_t i = 0; i < visit->typed.parameters_count; i++)
        if (strcmp(visit->typed.parameters[i].name, field) == 0)
            return visit->typed.parameters[i].value;
    return "";
}

static void
write_faults(struct exchange *exchange, struct buffer *out)
{
    const struct visit *visit = exchange->visit;

    page_print(out, "<div class=\"notice bad\" role=\"alert\">\n<h2>%s</h2>\n<ul>\n",
               visit_words(exchange, "Rien n’a été enregistré", "Nothing was recorded"));
    for (size_t i = 0; i < visit->faults_count; i++) {
        const struct visit_fault *fault = &visit->faults[i];

        if (*fault->field == '\0')
            page_print(out, "<li>%s</li>\n", fault_text(exchange, fault));
        else
            page_print(out, "<li><a href=\"#%s\">%s</a></li>\n", fault->field,
                       fault_text(exchange, fault));
    }
    buffer_text(out, "</ul>\n</div>\n");
}

void
visit_start(struct exchange *exchange, struct buffer *out, const char *seller, const char *title)
{
    const struct visit *visit = exchange->visit;
    bool wrong = visit->faults_count > 0;

    page_start_visit(out, visit->language,
                     wrong ? visit_words(exchange, "Erreur : %s", "Error: %s", title) : title);
    if (seller != NULL)
        page_print(out, "<p class=\"seller\">%s</p>\n", seller);
    page_print(out, "<h1>%s</h1>\n", title);
    if (wrong)
        write_faults(exchange, out);
}

void
visit_write_fault(struct exchange *exchange, struct buffer *out, const char *field)
{
    const struct visit_fault *fault = fault_of(exchange->visit, field);

    if (fault != NULL)
        page_print(out, "<p class=\"error\" id=\"%s-error\">%s</p>\n", field,
                   fault_text(exchange, fault));
}

void
visit_write_ties(struct exchange *exchange, struct buffer *out, const char *field, bool helped)
{
    bool wrong = fault_of(exchange->visit, field) != NULL;

    if (helped && wrong)
        page_print(out, " aria-describedby=\"%s-help %s-error\"", field, field);
    else if (helped || wrong)
        page_print(out, " aria-describedby=\"%s-%s\"", field, helped ? "help" : "error");
    if (wrong)
        buffer_text(out, " aria-invalid=\"true\"");
}

/* ---- answers */

void
visit_answer(struct exchange *exchange, const ProtobufCMessage *message)
{
    const struct visit_page *page = exchange->visit->page;

    if (!exchange->route->writes) {
        page->show(exchange, message);
    } else if (page->done != NULL) {
        page->done(exchange);
    } else {
        exchange_header(exchange, "Location", exchange->target.path);
        exchange_answer(exchange, 303, NULL, NULL, 0);
    }
}

struct refusal {
    const char *title, *advice;
};

static struct refusal
refusal_of(struct exchange *exchange, int status)
{
    const struct visit_page *page = exchange->visit->page;

    switch (status) {
    case 404:
        return (struct refusal){
            visit_words(exchange, "Lien non reconnu", "Link not recognised"),
            visit_words(exchange, "Copiez-le en entier depuis le message que vous avez reçu.",
                        "Copy the whole of it from the message that you received.")};
    case 410:
        return (struct refusal){
            visit_words(exchange, "Ce lien ne sert plus", "This link has ended"),
            visit_words(exchange, "%s", "%s",
                        words_english(exchange->visit->language) ? page->gone_english
                                                                 : page->gone_french)};
    case 504:
        return (struct refusal){
            visit_words(exchange, "La réponse se fait attendre", "The answer is late"),
            visit_words(exchange,
                        "Nous ne savons pas encore si votre demande a été enregistrée. Rouvrez le "
                        "lien dans un instant pour le voir.",
                        "We don’t know yet whether your request was recorded. Open the link again "
                        "in a moment to see.")};
    default:
        break;
    }
    if (status >= 500)
        return (struct refusal){
            visit_words(exchange, "Service momentanément indisponible", "Not available right now"),
            visit_words(exchange, "Rien n’a été enregistré. Réessayez dans un instant.",
                        "Nothing was recorded. Try again in a moment.")};
    return (struct refusal){
        visit_words(exchange, "Demande illisible", "This can’t be read"),
        visit_words(exchange,
                    "Rien n’a été enregistré. Rouvrez le lien du message que vous avez reçu et "
                    "recommencez.",
                    "Nothing was recorded. Open the link in the message that you received and "
                    "start again.")};
}

void
visit_refuse(struct exchange *exchange, int status)
{
    struct refusal refusal = refusal_of(exchange, status);
    struct buffer out;

    exchange->visit->faults_count = 0;
    buffer_init(&out, exchange->arena);
    visit_start(exchange, &out, NULL, refusal.title);
    page_print(&out, "<p>%s</p>\n", refusal.advice);
    page_end(&out);
    page_answer(exchange, status, &out, false);
}
