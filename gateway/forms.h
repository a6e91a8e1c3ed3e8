/* SPDX-License-Identifier: Apache-2.0
 * What a request says, from its body, path and query, as the message that the service takes. */
#ifndef ESCARCELLE_GATEWAY_FORMS_H
#define ESCARCELLE_GATEWAY_FORMS_H

#include "exchange.h"
#include "json.h"

struct form {
    ProtobufCMessage *message;
    struct json_notes notes; /* of a JSON body */
};

/* Whether requests of this verb carry their fields in a body. */
bool form_has_body(const char *verb);
/* False when the request is not of the form the contract says; the exchange is answered then. */
bool form_read(struct exchange *exchange, struct form *form);

#endif
