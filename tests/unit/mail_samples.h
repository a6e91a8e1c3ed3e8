/* SPDX-License-Identifier: Apache-2.0
 * A value for every placeholder of every mail, for the tests and for looking at. */
#ifndef ESCARCELLE_MAIL_SAMPLES_H
#define ESCARCELLE_MAIL_SAMPLES_H

#include "mails.h"

/* All values in the locale, "declined" empty; returns how many. */
size_t sample_mail_values(struct arena *arena, const char *locale, struct mail_value **values);

#endif
