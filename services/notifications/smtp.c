/* SPDX-License-Identifier: Apache-2.0
 * Sends mails with libcurl and tells what may be tried again from what may not. */
#include "smtp.h"
#include "checks.h"
#include "dates.h"
#include <curl/curl.h>
#include <string.h>

#define REPLY_BYTES_MAX 512

/* A sending under way. Fixed memory: libcurl's callbacks must not leave by an arena's jump. */
struct sending {
    const uint8_t *bytes;
    size_t length, sent;
    int64_t deadline_ms;
    int code;
    char reply[REPLY_BYTES_MAX];
};

static size_t
read_mail(char *out, size_t size, size_t count, void *context)
{
    struct sending *sending = context;
    size_t left = sending->length - sending->sent;
    size_t length = size * count < left ? size * count : left;
    memcpy(out, sending->bytes + sending->sent, length);
    sending->sent += length;
    return length;
}

/* 200..599 at the start of a reply's line, else 0. */
static int
reply_code(const char *line, size_t length)
{
    if (length < 3 || line[0] < '2' || line[0] > '5')
        return 0;
    for (int i = 1; i < 3; i++)
        if (line[i] < '0' || line[i] > '9')
            return 0;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/* Keeps the server's last reply, several lines joined; its farewell (221) says nothing of the mail.
 * */
static size_t
keep_reply(char *line, size_t size, size_t count, void *context)
{
    struct sending *sending = context;
    size_t length = size * count;
    int code = reply_code(line, length);
    if (code == 0 || code == 221)
        return length;
    bool goes_on = code == sending->code;
    size_t end = goes_on ? strlen(sending->reply) : 0;
    sending->code = code;
    for (size_t i = goes_on ? 3 : 0; i < length && end < REPLY_BYTES_MAX - 1; i++)
        sending->reply[end++] = i == 3 || (unsigned char)line[i] < ' ' ? ' ' : line[i];
    while (end > 0 && sending->reply[end - 1] == ' ')
        end--;
    sending->reply[end] = '\0';
    return length;
}

/* Ends the wait for the answer to QUIT, for which libcurl's own timeout does not count. */
static int
stop_at_deadline(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                 curl_off_t up)
{
    (void)down_total, (void)down, (void)up_total, (void)up;
    const struct sending *sending = context;
    return clock_ms() > sending->deadline_ms;
}

static bool
given(const char *text)
{
    return text && *text;
}

static void
set_server(CURL *curl, const struct smtp_server *server)
{
    bool login = given(server->user);
    curl_easy_setopt(curl, CURLOPT_URL, server->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     (long)(server->tls_required || login ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (given(server->ca_file)) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, server->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    if (login) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, server->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password);
    }
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)SMTP_CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

/* One connection a mail: the farewell is said within the deadline, not while cleaning up. */
static void
set_deadline(CURL *curl, struct sending *sending, long timeout_ms)
{
    sending->deadline_ms = clock_ms() + timeout_ms;
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    /* A resolver that does not answer is left behind, not waited for. */
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_at_deadline);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sending);
}

static void
set_mail(CURL *curl, struct sending *sending, const char *from, const struct curl_slist *to)
{
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_mail);
    curl_easy_setopt(curl, CURLOPT_READDATA, sending);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_reply);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, sending);
}

/* Whether the server refused this mail, not our way of speaking to it: a 5xx to the sender, the
 * recipient or the content. One to the greeting, or that asks for TLS or a login, is settings. */
static bool
refused_for_good(CURLcode result, const struct sending *sending)
{
    bool about_mail = result == CURLE_SEND_ERROR ||
                      (result == CURLE_WEIRD_SERVER_REPLY && sending->sent == sending->length);
    bool about_login = sending->code == 530 || (sending->code >= 534 && sending->code <= 538);
    return about_mail && sending->code >= 500 && !about_login;
}

/* What went wrong, when the server itself said nothing of it. */
static const char *
explanation(CURLcode result, const char *trouble)
{
    if (result == CURLE_OPERATION_TIMEDOUT || result == CURLE_ABORTED_BY_CALLBACK)
        return "the server did not answer in time";
    return *trouble ? trouble : curl_easy_strerror(result);
}

static struct smtp_outcome
outcome(struct arena *arena, CURLcode result, const struct sending *sending, const char *trouble)
{
    struct smtp_outcome found = {.result = SMTP_TRANSIENT, .code = sending->code};
    if (result == CURLE_OK)
        found.result = SMTP_ACCEPTED;
    else if (refused_for_good(result, sending))
        found.result = SMTP_PERMANENT;
    bool server_said = result == CURLE_OK || sending->code >= 400;
    const char *words = server_said ? sending->reply : explanation(result, trouble);
    found.words = check_utf8(words, strlen(words)) ? arena_strdup(arena, words)
                                                   : "the server answered in no known encoding";
    return found;
}

struct smtp_outcome
smtp_send(struct arena *arena, const struct smtp_server *server, const char *from, const char *to,
          const uint8_t *bytes, size_t length)
{
    if (!check_email(from) || !check_email(to))
        return (struct smtp_outcome){SMTP_PERMANENT, 0, "an address is malformed"};
    struct sending sending = {.bytes = bytes, .length = length};
    char trouble[CURL_ERROR_SIZE] = "";
    char sender[320], recipient[320];
    snprintf(sender, sizeof sender, "<%s>", from);
    snprintf(recipient, sizeof recipient, "<%s>", to);
    CURL *curl = curl_easy_init();
    struct curl_slist *recipients = curl_slist_append(NULL, recipient);
    CURLcode result = CURLE_OUT_OF_MEMORY;
    if (curl && recipients) {
        set_server(curl, server);
        set_mail(curl, &sending, sender, recipients);
        set_deadline(curl, &sending, server->timeout_ms ? server->timeout_ms : SMTP_TIMEOUT_MS);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, trouble);
        result = curl_easy_perform(curl);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(recipients);
    return outcome(arena, result, &sending, trouble);
}
