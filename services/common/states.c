/* SPDX-License-Identifier: Apache-2.0
 * States of objects: what the contract lets a call do, and the sentence of the refusal. */
#include "states.h"

#include "db.h"
#include "fields.h"
#include "log.h"

#include <assert.h>
#include <string.h>

enum { STATES_MAX = 32 };

/* The states that an object may be in, each once. */
struct allowed {
    const char *states[STATES_MAX];
    size_t count;
};

static void
allow(struct allowed *allowed, const char *state)
{
    for (size_t i = 0; i < allowed->count; i++)
        if (strcmp(allowed->states[i], state) == 0)
            return;
    assert(allowed->count < STATES_MAX);
    allowed->states[allowed->count++] = state;
}

/* Whether a move is about this object, and is the one that was chosen if one was. */
static bool
is_about(const struct call *call, const struct rpc_moves *moves, const char *object)
{
    const struct rpc_moves *chosen = call->move;

    if (strcmp(moves->object, object) != 0)
        return false;
    return chosen == NULL || strcmp(chosen->object, object) != 0 ||
           (moves->to != NULL && strcmp(moves->to, chosen->to) == 0);
}

static void
find_allowed(const struct call *call, const char *object, struct allowed *allowed)
{
    allowed->count = 0;
    for (const struct rpc_moves *moves = call->moves; moves != NULL && moves->object != NULL;
         moves++)
        if (is_about(call, moves, object))
            for (const char *const *state = moves->from; *state != NULL; state++)
                allow(allowed, *state);
}

void
state_move(struct call *call, const char *object, const char *to)
{
    const struct rpc_moves *moves = call->moves;

    while (moves != NULL && moves->object != NULL &&
           (strcmp(moves->object, object) != 0 || moves->to == NULL || strcmp(moves->to, to) != 0))
        moves++;
    assert(moves != NULL && moves->object != NULL); /* else the contract lacks this move */
    call->move = moves;
}

/* The only state that the call's moves lead to, or the one that was chosen. */
static const struct rpc_moves *
next_move(const struct call *call)
{
    const struct rpc_moves *found = call->move, *moves = call->moves;

    for (; call->move == NULL && moves != NULL && moves->object != NULL; moves++) {
        if (moves->to != NULL && found != NULL && strcmp(moves->to, found->to) != 0)
            return NULL;
        if (moves->to != NULL)
            found = moves;
    }
    return found;
}

const char *
state_next(struct call *call)
{
    const struct rpc_moves *next = next_move(call);

    if (next == NULL)
        log_error("a call changes a state: it has no moves, or several and chose none");
    return next == NULL ? NULL : next->to;
}

const char *
states_left(struct call *call)
{
    const struct rpc_moves *next = next_move(call);

    return states_allowed(call, next == NULL ? "" : next->object);
}

const char *
states_allowed(struct call *call, const char *object)
{
    struct allowed allowed;

    find_allowed(call, object, &allowed);
    return db_array(call->arena, allowed.states, allowed.count);
}

/* "partially_paid" → "partially paid". */
static void
add_words(struct buffer *out, const char *state)
{
    for (; *state != '\0'; state++)
        buffer_append(out, *state == '_' ? " " : state, 1);
}

/* Whether what the method does was done before has a code of its own. */
static const char *
refusal_code(const struct call *call, const char *object, const char *state)
{
    const struct rpc_moves *moves = call->moves;

    for (; call->method != NULL && moves != NULL && moves->object != NULL; moves++)
        if (strcmp(moves->object, object) == 0 && moves->to != NULL &&
            strcmp(moves->to, state) == 0 && call->method->done_code != NULL)
            return call->method->done_code;
    return "wrong_state";
}

enum rpc_status
state_refuse(struct call *call, const char *object, const char *state)
{
    struct allowed allowed;
    struct buffer words;

    find_allowed(call, object, &allowed);
    buffer_init(&words, call->arena);
    buffer_printf(&words, "the %s is ", object_words(call->arena, object));
    add_words(&words, state);
    for (size_t i = 0; i < allowed.count; i++) {
        buffer_text(&words, i == 0 ? "; it must be " : " or ");
        add_words(&words, allowed.states[i]);
    }
    return call_fail_code(call, RPC_CONFLICT, refusal_code(call, object, state), NULL, "%s",
                          words.bytes);
}

enum rpc_status
state_check(struct call *call, const ProtobufCMessage *object)
{
    const char *name = object->descriptor->short_name;
    struct allowed allowed;
    const char *state = NULL;

    for (const struct rpc_moves *moves = call->moves;
         state == NULL && moves != NULL && moves->object != NULL; moves++)
        if (strcmp(moves->object, name) == 0)
            state = message_text(call->arena, object, moves->field);
    find_allowed(call, name, &allowed);
    assert(state != NULL && allowed.count > 0); /* else the contract lacks this check */
    for (size_t i = 0; i < allowed.count; i++)
        if (strcmp(allowed.states[i], state) == 0)
            return RPC_OK;
    return state_refuse(call, name, state);
}
