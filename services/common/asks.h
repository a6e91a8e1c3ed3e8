/* SPDX-License-Identifier: Apache-2.0
 * What a method asks of other services before its transaction begins: (asks) of the contract. */
#ifndef ESCARCELLE_ASKS_H
#define ESCARCELLE_ASKS_H

#include "call.h"

/* Fills call->answers with what call->method asks, in its order. A refusal of the asked service
 * becomes the call's. */
enum rpc_status asks_resolve(struct call *call, const ProtobufCMessage *request) RPC_CHECKED;

/* For asks that are answered with common.Obligations: all reasons in one sentence, NULL when there
 * are none. */
const char *asks_reasons(struct call *call);

/* At start, after sql_prove: every statement that an ask is found by takes the method's request and
 * answers the field that names the object. Logs each that does not fit; true when all do. */
bool asks_prove(const struct service *service);

#endif
