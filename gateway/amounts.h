/* SPDX-License-Identifier: Apache-2.0
 * Amounts of money as people type them. Pure. */
#ifndef ESCARCELLE_GATEWAY_AMOUNTS_H
#define ESCARCELLE_GATEWAY_AMOUNTS_H

#include <stdbool.h>
#include <stdint.h>

/* Reads an amount in euro: "1500", "1 500,00", "1.500,00", "1,500.00 €", with any space. False when
 * it is none, or can be read in two ways: "1.500" and "1,500" may be a thousand and a half, or one
 * and a half. Whether an amount may be this great is for the service to say. */
bool amount_read(const char *text, int64_t *cents);

#endif
