/* SPDX-License-Identifier: Apache-2.0
 * Per series, kind and year, from 1, in the order of dates. Pure. */
#include "invoice_numbers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_EPOCH = 1 };

const char *
invoice_number_take(struct arena *arena, InvoiceSeries *series, const char *today)
{
    const char *last = series->last_date;
    const char *date = last != NULL && strcmp(today, last) < 0 ? last : today;
    int64_t year = strtoll(date, NULL, 10);
    const char *name =
        series->epoch > FIRST_EPOCH ? arena_printf(arena, "R%" PRId64 "-", series->epoch) : "";

    SET(series, last_number, year == series->year ? series->last_number + 1 : 1);
    SET(series, year, year);
    series->last_date = arena_strdup(arena, date);
    return arena_printf(arena, "%s-%" PRId64 "-%s%06" PRId64,
                        series->kind == INVOICE_KIND_CREDIT_NOTE ? "AV" : "FA", year, name,
                        series->last_number);
}
