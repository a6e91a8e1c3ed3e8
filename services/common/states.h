/* SPDX-License-Identifier: Apache-2.0
 * States of objects, as the contract's moves and needs of a call allow them. */
#ifndef ESCARCELLE_STATES_H
#define ESCARCELLE_STATES_H

#include "call.h"

/* Of a call that may move an object to several states, chooses this one: :call.to is `to` from then
 * on, and :call.from and :guard(status) are the states that this move leaves. */
void state_move(struct call *call, const char *object, const char *to);
/* 409 wrong_state, or the method's done_code, unless the object, a message with a state, is in one that this call allows. */
enum rpc_status state_check(struct call *call, const ProtobufCMessage *object) RPC_CHECKED;
/* The same refusal, for an object that was found in `state`. */
enum rpc_status state_refuse(struct call *call, const char *object, const char *state);

/* What statements bind. States of this object that the call allows, as the database's array; those
 * that its move leaves; the one it leads to: NULL, logged, unless that is one and only one. */
const char *states_allowed(struct call *call, const char *object);
const char *states_left(struct call *call);
const char *state_next(struct call *call);

#endif
