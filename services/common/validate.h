/* SPDX-License-Identifier: Apache-2.0
 * The rules of a request's fields, checked by table: every violation is reported, not the first. */
#ifndef ESCARCELLE_VALIDATE_H
#define ESCARCELLE_VALIDATE_H

#include "call.h"

/* Normalises in place (SIREN, IBAN, VAT number, BIC, phone lose their spaces and get their stored
 * form; e-mail addresses lose surrounding spaces), then checks the whole tree, and what its fields
 * must be together (`method->check`); adds violations to the call with JSON pointers, those that came
 * with the header too. For PATCH (`method->patch`) only present fields are checked, and
 * null is refused for required ones. Also refuses strings with invalid UTF-8 or NUL, whatever their
 * rule. */
enum rpc_status validate_request(struct call *call, const struct message_rules *rules,
                                 ProtobufCMessage *request) RPC_CHECKED;

#endif
