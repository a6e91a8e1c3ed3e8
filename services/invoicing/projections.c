/* SPDX-License-Identifier: Apache-2.0
 * Copies of other services' objects that billing needs: clients, settings, projects, sessions and
 * trainings. */
#include "invoicing.rpc.h"
#include "sql.h"

PROJECTION(
    client, "accounts.Client", Accounts__Client, "client",
    "insert into client (id, name, siren, vat_number, address, billing_address, billing_contact, "
    "payment_terms_days, locale, status, version) values (:id, :name, :siren, :vat_number, "
    ":address, :billing_address, :billing_contact, :payment_terms_days, :locale, :status, "
    ":version) on conflict (id) do update set name = excluded.name, siren = excluded.siren, "
    "vat_number = excluded.vat_number, address = excluded.address, "
    "billing_address = excluded.billing_address, billing_contact = excluded.billing_contact, "
    "payment_terms_days = excluded.payment_terms_days, locale = excluded.locale, "
    "status = excluded.status, version = excluded.version where client.version < excluded.version");

PROJECTION(
    settings, "accounts.Settings", Accounts__Settings, "settings",
    "insert into settings (id, seller, commission_vat_rates, late_penalty_rates, legal_sentences, "
    "version) values (:id, :seller, :commission_vat_rates, :late_penalty_rates, :legal_sentences, "
    ":version) on conflict (id) do update set seller = excluded.seller, "
    "commission_vat_rates = excluded.commission_vat_rates, "
    "late_penalty_rates = excluded.late_penalty_rates, legal_sentences = excluded.legal_sentences, "
    "version = excluded.version where settings.version < excluded.version");

PROJECTION(project, "budgeting.Project", Budgeting__Project, "project",
           "insert into project (id, client_id, name, purchase_order, status, version) "
           "values (:id, :client_id, :name, :purchase_order, :status, :version) "
           "on conflict (id) do update set name = excluded.name, "
           "purchase_order = excluded.purchase_order, status = excluded.status, "
           "version = excluded.version where project.version < excluded.version");

PROJECTION(
    session, "sessions.Session", Sessions__Session, "session",
    "insert into session (id, project_id, title, start_date, end_date, status, version) "
    "values (:id, :project_id, :title, :start_date, :end_date, :status, :version) "
    "on conflict (id) do update set title = excluded.title, start_date = excluded.start_date, "
    "end_date = excluded.end_date, status = excluded.status, version = excluded.version "
    "where session.version < excluded.version");

PROJECTION(
    training, "sessions.Training", Sessions__Training, "training",
    "insert into training (id, session_id, project_id, title, cost_cents, version) "
    "values (:id, :session_id, :project_id, :title, :cost_cents, :version) "
    "on conflict (id) do update set session_id = excluded.session_id, title = excluded.title, "
    "cost_cents = excluded.cost_cents, version = excluded.version "
    "where training.version < excluded.version");
