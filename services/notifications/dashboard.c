/* SPDX-License-Identifier: Apache-2.0
 * The dashboard: figures over our copies of other services' objects. It reads partial indexes of what is open,
 * so that it costs the same however much is behind. */
#include "notifications.rpc.h"
#include "sql.h"

SQL(get_dashboard, GetDashboardRequest, Dashboard,
    "select c.clients, p.open_projects, p.in_alert, p.in_overrun, 'EUR' as currency, "
    "p.budget_cents, p.consumed_cents, f.undecided_calls, i.unpaid_invoices, i.overdue_cents, "
    "now() as as_of from "
    "(select count(*) as clients from client where status = 'active' and not deleted) c, "
    "(select count(*) as open_projects, count(*) filter (where state = 'alert') as in_alert, "
    "count(*) filter (where state = 'overrun') as in_overrun, "
    "coalesce(sum(budget_cents), 0)::bigint as budget_cents, "
    "coalesce(sum(consumed_cents), 0)::bigint as consumed_cents "
    "from project where status <> 'closed' and not deleted) p, "
    "(select count(*) as undecided_calls from funding_call "
    "where status in ('draft', 'sent') and not deleted) f, "
    "(select count(*) as unpaid_invoices, "
    "coalesce(sum(gross_cents - paid_cents) filter (where due_date < :call.today::date), 0)::bigint "
    "as overdue_cents from invoice where kind = 'invoice' "
    "and status in ('issued', 'sent', 'partially_paid') and not deleted) i");

enum rpc_status
notifications_get_dashboard(struct call *call, const GetDashboardRequest *request, Dashboard *reply)
{
    return sql_one(call, &get_dashboard, request, reply);
}
