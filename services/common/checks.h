/* SPDX-License-Identifier: Apache-2.0
 * Formats and checksums of identifiers (MON-5, MON-6; french-rules: Luhn, RIB key, ISO 7064). Pure.
 * */
#ifndef ESCARCELLE_CHECKS_H
#define ESCARCELLE_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

/* All take NUL-ended UTF-8 without spaces (see format_normalise). */
bool check_utf8(const char *bytes, size_t length); /* valid UTF-8 without NUL */
bool check_uuid(const char *text);                 /* lower or upper case, hyphenated */
bool check_date(const char *text);                 /* YYYY-MM-DD that exists, years 1900..2199 */
bool check_instant(const char *text);              /* RFC 3339 with Z or offset */
bool check_email(const char *text);                /* RFC 5321 dot-atom@domain, ASCII, ≤ 254 */
bool check_phone(const char *text);                /* E.164 */
bool check_siren(const char *text);
bool check_vat_number(const char *text); /* FR checked against its SIREN where the key is numeric */
bool check_iban(const char *text);       /* mod 97; France: length and RIB key too */
bool check_bic(const char *text);
bool check_country(const char *text); /* two capital letters */
bool check_url(const char *text);     /* http or https, a host, no user info */

/* VAT number of a French company from its SIREN; out has 14 bytes. */
void vat_number_of_siren(const char *siren, char out[14]);

#endif
