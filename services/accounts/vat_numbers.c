/* SPDX-License-Identifier: Apache-2.0
 * MON-6. */
#include "vat_numbers.h"

#include "checks.h"

#include <string.h>

char *
vat_number_of(struct call *call, struct company said)
{
    char computed[14];

    if (said.siren == NULL || said.vat_number != NULL)
        return (char *)said.vat_number;
    vat_number_of_siren(said.siren, computed);
    return arena_strdup(call->arena, computed);
}

static bool
names(struct call *call, const char *prefix, const char *field)
{
    return call_present(call, arena_printf(call->arena, "%s%s", prefix, field));
}

char *
vat_number_after(struct call *call, const char *prefix, struct company said, struct company present)
{
    bool new_siren = names(call, prefix, "siren");
    struct company after = {new_siren ? said.siren : present.siren, said.vat_number};

    if (!new_siren && !names(call, prefix, "vat_number"))
        after.vat_number = present.vat_number;
    return vat_number_of(call, after);
}

void
vat_number_match(struct call *call, const char *field, struct company company)
{
    char computed[14];

    if (company.siren == NULL || company.vat_number == NULL || !check_siren(company.siren) ||
        strncmp(company.vat_number, "FR", 2) != 0 ||
        strcmp(company.vat_number + 4, company.siren) == 0)
        return;
    vat_number_of_siren(company.siren, computed);
    call_violation(call, field, "mismatch", "belongs to another SIREN; %s would be this one's",
                   computed);
}
