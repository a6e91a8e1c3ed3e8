/* SPDX-License-Identifier: Apache-2.0
 * Loaded before a program's libraries: kills it at a named point of its work, at the moment that a campaign has
 * chosen. The points are calls into libpq, ZeroMQ and libcurl, so the programs know nothing of it. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

enum { STATEMENTS_MAX = 512, NAME_MAX_BYTES = 64 };

/* Shared by all processes of a stack: whoever comes to `point` for the `countdown`th time dies. */
struct plan {
    char point[32];
    atomic_int countdown, deaths;
};

static struct plan *plan;
static struct {
    char name[NAME_MAX_BYTES];
    const char *point;
} statements[STATEMENTS_MAX];
static bool committing;

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

__attribute__((constructor)) static void
load_plan(void)
{
    const char *file = getenv("DEADLY_PLAN");
    int descriptor = file == NULL ? -1 : open(file, O_RDWR | O_CLOEXEC);
    void *memory;

    if (descriptor < 0)
        return;
    memory = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    plan = memory == MAP_FAILED ? NULL : memory;
}

static void
at(const char *point)
{
    if (plan != NULL && point != NULL && strncmp(plan->point, point, sizeof plan->point) == 0 &&
        atomic_fetch_sub(&plan->countdown, 1) == 1) {
        atomic_fetch_add(&plan->deaths, 1);
        kill(getpid(), SIGKILL);
    }
}

/* The point that a statement is; NULL for most. */
static const char *
point_of(const char *text)
{
    static const struct {
        const char *text, *point;
    } points[] = {{"commit", "commit"},
                  {"insert into outbox", "outbox"},
                  {"insert into event_log", "numbering"},
                  {"update stream_head", "head"},
                  {"update stream_cursor", "cursor"},
                  {"insert into idempotency_key", "kept reply"}};

    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        if (strcasestr(text, points[i].text) != NULL)
            return points[i].point;
    return NULL;
}

static void
before_statement(const char *point)
{
    at(point);
    committing = committing || (point != NULL && strcmp(point, "commit") == 0);
}

int
PQsendPrepare(PGconn *connection, const char *name, const char *text, int count, const Oid *types)
{
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        if (statements[i].name[0] != '\0' && strcmp(statements[i].name, name) != 0)
            continue;
        strncpy(statements[i].name, name, NAME_MAX_BYTES - 1);
        statements[i].point = point_of(text);
        break;
    }
    return REAL(PQsendPrepare)(connection, name, text, count, types);
}

int
PQsendQueryParams(PGconn *connection, const char *text, int count, const Oid *types,
                  const char *const *values, const int *lengths, const int *formats, int format)
{
    before_statement(point_of(text));
    return REAL(PQsendQueryParams)(connection, text, count, types, values, lengths, formats,
                                   format);
}

int
PQsendQueryPrepared(PGconn *connection, const char *name, int count, const char *const *values,
                    const int *lengths, const int *formats, int format)
{
    for (size_t i = 0; i < STATEMENTS_MAX && statements[i].name[0] != '\0'; i++)
        if (strcmp(statements[i].name, name) == 0)
            before_statement(statements[i].point);
    return REAL(PQsendQueryPrepared)(connection, name, count, values, lengths, formats, format);
}

/* "commit sent": the server has it, this process never learns what came of it. */
int
PQpipelineSync(PGconn *connection)
{
    int answer = REAL(PQpipelineSync)(connection);

    if (committing) {
        PQflush(connection);
        at("commit sent");
    }
    committing = false;
    return answer;
}

PGresult *
PQgetResult(PGconn *connection)
{
    PGresult *result = REAL(PQgetResult)(connection);

    if (result != NULL && strcmp(PQcmdStatus(result), "COMMIT") == 0)
        at("committed");
    return result;
}

int
zmq_send(void *socket, const void *bytes, size_t length, int flags)
{
    int type = 0, answer;
    size_t size = sizeof type;

    zmq_getsockopt(socket, ZMQ_TYPE, &type, &size);
    if (type == ZMQ_PUB && (flags & ZMQ_SNDMORE) != 0)
        at("publish");
    if (type == ZMQ_DEALER && (flags & ZMQ_SNDMORE) == 0)
        at("reply");
    answer = REAL(zmq_send)(socket, bytes, length, flags);
    if (type == ZMQ_PUB && (flags & ZMQ_SNDMORE) == 0)
        at("published");
    return answer;
}

CURLcode
curl_easy_perform(CURL *curl)
{
    CURLcode code;

    at("smtp");
    code = REAL(curl_easy_perform)(curl);
    at("smtp accepted");
    return code;
}
