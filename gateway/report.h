/* SPDX-License-Identifier: Apache-2.0
 * How the gateway itself is, for /v1/ops/services. */
#ifndef ESCARCELLE_GATEWAY_REPORT_H
#define ESCARCELLE_GATEWAY_REPORT_H

#include "exchange.h"

/* Appends a packed ops.ListServicesReply with the gateway's own report. */
void report_write(struct exchange *exchange, struct buffer *out);

#endif
