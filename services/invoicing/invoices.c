/* SPDX-License-Identifier: Apache-2.0
 * Invoices: read, listed; what of them keeps a client from being archived. */
#include "invoices.h"

#include "sql.h"

#define INVOICE_COLUMNS                                                                             \
    "i.id, i.client_id, i.project_id, i.number, i.kind, s.status, 'EUR' as currency, i.trigger, "   \
    "i.basis, i.basis_cents, i.rate_bp, i.net_cents, i.vat_cents, i.gross_cents, s.paid_cents, "    \
    "i.issue_date, i.due_date, i.service_date, i.vat_groups, i.subject, i.purchase_order, "         \
    "i.locale, i.seller, i.buyer, i.mentions, i.created_at, s.updated_at, s.version, "              \
    "d.file_name as \"file.file_name\", d.sha256 as \"file.sha256\", "                              \
    "octet_length(d.content) as \"file.size\", i.credits, i.reason, o.number as credits_number, "   \
    "o.issue_date as credits_date, c.credited_cents, c.credited_by, "                               \
    "(select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('id', l.id, 'session_id', "             \
    "l.session_id, 'description', l.description, 'quantity', l.quantity, 'unit_price_cents', "      \
    "l.unit_price_cents, 'net_cents', l.net_cents, 'vat_rate_bp', l.vat_rate_bp, "                  \
    "'training_ids', to_jsonb(l.training_ids), 'service_date', l.service_date, 'credits', "         \
    "l.credits, 'credited_by', (select n.invoice_id from invoice_line n where n.credits = l.id))) " \
    "order by l.position) from invoice_line l where l.invoice_id = i.id) as lines"

/* The last credit note of several is the one that took back what was left. */
#define INVOICE_TABLES                                                                             \
    "invoice i join invoice_state s on s.id = i.id left join invoice_document d on d.id = i.id "   \
    "left join invoice o on o.id = i.credits cross join lateral (select "                          \
    "coalesce(sum(n.gross_cents), 0)::bigint as credited_cents, case when s.status = 'credited' "  \
    "then (array_agg(n.id order by n.created_at desc))[1] end as credited_by from invoice n "      \
    "where n.credits = i.id) c"

SQL(get_invoice, GetInvoiceRequest, Invoice,
    "select " INVOICE_COLUMNS " from " INVOICE_TABLES " where i.id = :id");

SQL(list_project_invoices, ListProjectInvoicesRequest, ListInvoicesReply,
    "select " INVOICE_COLUMNS " from " INVOICE_TABLES " where i.project_id = :project_id "
    ":filter(s.status, i.kind) :between(i.issue_date, from, to) :page(i.id)");

SQL(list_invoices, ListInvoicesRequest, ListInvoicesReply,
    "select " INVOICE_COLUMNS " from " INVOICE_TABLES " where true "
    ":filter(i.client_id, i.project_id, s.status, i.kind) :between(i.issue_date, from, to) "
    ":page(i.id)");

/* The first of them are enough to say why not. */
SQL(list_obligations, Id, Obligations,
    "select array((select 'the invoice ' || i.number || ' is unpaid' from invoice i "
    "join invoice_state s on s.id = i.id where i.client_id = :id and i.kind = 'invoice' "
    "and s.status not in ('paid', 'credited') order by i.id limit 10) union all "
    "(select 'an invoice of the project ' || t.project_id || ' waits for missing mentions' "
    "from fired_trigger t where t.client_id = :id and t.status = 'waiting' "
    "order by t.id limit 10)) as reasons, "
    "(select count(*) from project where client_id = :id and status = 'closed' and not deleted) as closed_projects");

SQL(get_project_use, Id, Obligations,
    "select array((select 'the project has the invoice ' || number from invoice "
    "where project_id = :id order by id limit 1) union all "
    "(select 'an invoice of the project waits for missing mentions' from fired_trigger "
    "where project_id = :id and status = 'waiting' limit 1)) as reasons");

enum rpc_status
invoice_read(struct call *call, const char *id, Invoice *invoice)
{
    GetInvoiceRequest request = INVOICING__GET_INVOICE_REQUEST__INIT;

    request.id = (char *)id;
    return sql_one(call, &get_invoice, &request, invoice);
}

enum rpc_status
invoicing_list_project_invoices(struct call *call, const ListProjectInvoicesRequest *request,
                                ListInvoicesReply *reply)
{
    return sql_page(call, &list_project_invoices, request, reply);
}

enum rpc_status
invoicing_list_invoices(struct call *call, const ListInvoicesRequest *request,
                        ListInvoicesReply *reply)
{
    return sql_page(call, &list_invoices, request, reply);
}

enum rpc_status
invoicing_get_invoice(struct call *call, const GetInvoiceRequest *request, Invoice *reply)
{
    return sql_one(call, &get_invoice, request, reply);
}

enum rpc_status
invoicing_get_client_obligations(struct call *call, const Id *request, Obligations *reply)
{
    return sql_one(call, &list_obligations, request, reply);
}

enum rpc_status
invoicing_get_project_use(struct call *call, const Id *request, Obligations *reply)
{
    return sql_one(call, &get_project_use, request, reply);
}
