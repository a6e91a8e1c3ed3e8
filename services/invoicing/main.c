/* SPDX-License-Identifier: Apache-2.0
 * The invoicing service: billing plans, and the invoices that they make. */
#include "invoice_documents.h"
#include "invoice_records.h"
#include "milestones.h"
#include "service.h"
#include "triggers.h"

extern const struct migration invoicing_migrations[];

int
main(int argc, char **argv)
{
    static const struct job jobs[] = {
        {"bill_waiting_triggers", triggers_bill_waiting, TRIGGERS_PERIOD_MS, JOB_WOKEN},
        {"fire_due_milestones", milestones_fire_due, MILESTONES_PERIOD_MS, JOB_WOKEN},
        {"render_invoice", invoice_documents_render, INVOICE_DOCUMENTS_PERIOD_MS, JOB_WOKEN},
        {.name = NULL},
    };
    static const struct service invoicing = {
        .rpc = &invoicing_rpc,
        .migrations = invoicing_migrations,
        .jobs = jobs,
        .restored = invoice_open_series,
    };

    return service_main(&invoicing, argc, argv);
}
