/* SPDX-License-Identifier: Apache-2.0
 * What mails and the dashboard need of other services' objects; a project's figures change with its
 * revision. */
#include "notifications.rpc.h"
#include "sql.h"

PROJECTION(
    client, "accounts.Client", Accounts__Client, "client",
    "insert into client (id, name, locale, billing_contact_name, billing_contact_email, status, "
    "version) values (:id, :name, :locale, :billing_contact.name, :billing_contact.email, :status, "
    ":version) on conflict (id) do update set name = excluded.name, locale = excluded.locale, "
    "billing_contact_name = excluded.billing_contact_name, "
    "billing_contact_email = excluded.billing_contact_email, status = excluded.status, "
    "version = excluded.version where client.version < excluded.version");

PROJECTION(
    project, "budgeting.Project", Budgeting__Project, "project",
    "insert into project (id, client_id, name, mailing_list, budget_cents, consumed_cents, state, "
    "status, version, revision) "
    "values (:id, :client_id, :name, :mailing_list, :budget.budget_cents, :budget.consumed_cents, "
    ":budget.state, :status, :version, coalesce(:revision, 0)) on conflict (id) do update "
    "set name = excluded.name, mailing_list = excluded.mailing_list, "
    "budget_cents = excluded.budget_cents, consumed_cents = excluded.consumed_cents, "
    "state = excluded.state, status = excluded.status, version = excluded.version, "
    "revision = excluded.revision "
    "where (project.version, project.revision) < (excluded.version, excluded.revision)");

PROJECTION(funding_call, "funding.FundingCall", Funding__FundingCall, "funding_call",
           "insert into funding_call (id, project_id, client_id, status, expires_at, version) "
           "values (:id, :project_id, :client_id, :status, :expires_at, :version) "
           "on conflict (id) do update set status = excluded.status, "
           "expires_at = excluded.expires_at, version = excluded.version "
           "where funding_call.version < excluded.version");

/* For what is open, credited is as good as paid. */
PROJECTION(invoice, "invoicing.Invoice", Invoicing__Invoice, "invoice",
           "insert into invoice (id, project_id, client_id, kind, status, gross_cents, paid_cents, "
           "due_date, version) values (:id, :project_id, :client_id, :kind, :status, :gross_cents, "
           "coalesce(:paid_cents, 0) + coalesce(:credited_cents, 0), :due_date, :version) "
           "on conflict (id) do update set status = excluded.status, "
           "paid_cents = excluded.paid_cents, due_date = excluded.due_date, "
           "version = excluded.version where invoice.version < excluded.version");

PROJECTION(settings, "accounts.Settings", Accounts__Settings, "settings",
           "insert into settings (id, seller_name, mail_from, version) "
           "values (:id, :seller.name, :mail_from, :version) on conflict (id) do update "
           "set seller_name = excluded.seller_name, mail_from = excluded.mail_from, "
           "version = excluded.version where settings.version < excluded.version");
