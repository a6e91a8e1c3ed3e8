/* SPDX-License-Identifier: Apache-2.0
 * The ZAP handler: a known CURVE key is admitted under its program's name, nothing else is. Without
 * it CURVE would admit any key. */
#include "zap.h"

#include "config.h"
#include "log.h"
#include "permissions.h"
#include "wire_doors.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ZAP_FRAME_BYTES_MAX = 255, CURVE_KEY_BYTES = 32 };
/* The frames of a question, in the order of RFC 27. */
enum zap_frame {
    FRAME_VERSION,
    FRAME_ID,
    FRAME_DOMAIN,
    FRAME_ADDRESS,
    FRAME_IDENTITY,
    FRAME_MECHANISM,
    FRAME_KEY,
    ZAP_FRAMES
};

struct question {
    struct {
        uint8_t bytes[ZAP_FRAME_BYTES_MAX + 1];
        size_t length;
    } frames[ZAP_FRAMES];
    size_t count;
};

struct zap {
    void *socket;
    struct refusals *refusals;
    struct {
        const char *program; /* NULL: has no key here */
        uint8_t key[CURVE_KEY_BYTES];
    } known[PROGRAMS_COUNT];
};

static void
read_known(struct zap *zap, size_t place)
{
    char path[PATH_MAX], text[KEY_TEXT_BYTES];
    const char *program = program_names[place];
    snprintf(path, sizeof path, "%s/%s.public", config.keys_dir, program);
    if (access(path, F_OK) != 0) {
        log_warning("%s is not there: %s will be refused", path, program);
        return;
    }
    key_read_public(program, text);
    zmq_z85_decode(zap->known[place].key, text);
    for (size_t i = 0; i < place; i++)
        if (zap->known[i].program &&
            memcmp(zap->known[i].key, zap->known[place].key, CURVE_KEY_BYTES) == 0)
            fatal("%s and %s have the same key", zap->known[i].program, program);
    zap->known[place].program = program;
}

struct zap *
zap_open(void *context, struct refusals *refusals)
{
    struct zap *zap = calloc(1, sizeof *zap);
    if (!zap)
        fatal("no memory for the keys");
    zap->refusals = refusals;
    for (size_t i = 0; i < PROGRAMS_COUNT; i++)
        read_known(zap, i);
    zap->socket = zmq_socket(context, ZMQ_REP);
    if (!zap->socket || zmq_bind(zap->socket, "inproc://zeromq.zap.01") != 0)
        fatal("no socket for ZAP: %s", zmq_strerror(errno));
    return zap;
}

void *
zap_socket(struct zap *zap)
{
    return zap->socket;
}

void
zap_close(struct zap *zap)
{
    int linger = 0;
    zmq_setsockopt(zap->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(zap->socket);
    free(zap);
}

/* False when nothing is there. */
static bool
receive(void *socket, struct question *question)
{
    int more = 1;
    size_t more_size = sizeof more;
    for (question->count = 0; more; question->count++) {
        uint8_t bytes[ZAP_FRAME_BYTES_MAX];
        int length = zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT);
        if (length < 0)
            return false;
        size_t kept = (size_t)length > sizeof bytes ? sizeof bytes : (size_t)length;
        if (question->count < ZAP_FRAMES) {
            memcpy(question->frames[question->count].bytes, bytes, kept);
            question->frames[question->count].bytes[kept] = '\0';
            question->frames[question->count].length = kept;
        }
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size);
    }
    return true;
}

static bool
is_text(const struct question *question, enum zap_frame frame, const char *text)
{
    return strcmp((const char *)question->frames[frame].bytes, text) == 0;
}

/* NULL: not one of ours. */
static const char *
identify(const struct zap *zap, const struct question *question)
{
    if (question->count != ZAP_FRAMES || !is_text(question, FRAME_VERSION, "1.0") ||
        !is_text(question, FRAME_DOMAIN, ZAP_DOMAIN) ||
        !is_text(question, FRAME_MECHANISM, "CURVE") ||
        question->frames[FRAME_KEY].length != CURVE_KEY_BYTES)
        return NULL;
    for (size_t i = 0; i < PROGRAMS_COUNT; i++)
        if (zap->known[i].program &&
            memcmp(zap->known[i].key, question->frames[FRAME_KEY].bytes, CURVE_KEY_BYTES) == 0)
            return zap->known[i].program;
    return NULL;
}

static void
reply(const struct zap *zap, const struct question *question, const char *program)
{
    const char *code = program ? "200" : "400", *text = program ? "OK" : "unknown key";
    size_t id_bytes = question->count > FRAME_ID ? question->frames[FRAME_ID].length : 0;
    zmq_send(zap->socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(zap->socket, question->frames[FRAME_ID].bytes, id_bytes, ZMQ_SNDMORE);
    zmq_send(zap->socket, code, strlen(code), ZMQ_SNDMORE);
    zmq_send(zap->socket, text, strlen(text), ZMQ_SNDMORE);
    zmq_send(zap->socket, program ? program : "", program ? strlen(program) : 0, ZMQ_SNDMORE);
    zmq_send(zap->socket, "", 0, 0);
}

void
zap_answer(struct zap *zap)
{
    struct question question;
    while (receive(zap->socket, &question)) {
        const char *program = identify(zap, &question);
        if (!program)
            refusals_add(zap->refusals, "", "a connection",
                         question.count > FRAME_ADDRESS
                             ? (const char *)question.frames[FRAME_ADDRESS].bytes
                             : "");
        reply(zap, &question, program);
    }
}
