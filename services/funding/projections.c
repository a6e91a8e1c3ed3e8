/* SPDX-License-Identifier: Apache-2.0
 * Our copies of other services' objects. */
#include "funding.rpc.h"
#include "sql.h"

typedef Accounts__Client Client;
#define Client_descriptor accounts__client__descriptor
typedef Accounts__Settings Settings;
#define Settings_descriptor accounts__settings__descriptor
typedef Budgeting__Project Project;
#define Project_descriptor budgeting__project__descriptor

PROJECTION(
    client, "accounts.Client", Client, "client",
    "insert into client (id, name, status, locale, version) "
    "values (:id, :name, :status, :locale, :version) "
    "on conflict (id) do update set name = excluded.name, status = excluded.status, "
    "locale = excluded.locale, version = excluded.version where client.version < excluded.version");

PROJECTION(settings, "accounts.Settings", Settings, "settings",
           "insert into settings (id, public_url, web_ui_url, review_link_days, reminder_days, "
           "seller_name, version) values (:id, :public_url, :web_ui_url, :review_link_days, "
           "array(select distinct day from unnest(:reminder_days::bigint[]) day order by day), "
           ":seller.name, :version) "
           "on conflict (id) do update set public_url = excluded.public_url, "
           "web_ui_url = excluded.web_ui_url, review_link_days = excluded.review_link_days, "
           "reminder_days = excluded.reminder_days, seller_name = excluded.seller_name, "
           "version = excluded.version where settings.version < excluded.version");

PROJECTION(project, "budgeting.Project", Project, "project",
           "insert into project (id, client_id, name, status, version) "
           "values (:id, :client_id, :name, :status, :version) "
           "on conflict (id) do update set client_id = excluded.client_id, name = excluded.name, "
           "status = excluded.status, version = excluded.version "
           "where project.version < excluded.version");
