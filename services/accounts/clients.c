/* SPDX-License-Identifier: Apache-2.0
 * Clients: created pending or active, changed, activated, archived (ACC-1 to ACC-3). */
#include "accounts.rpc.h"
#include "asks.h"
#include "checks.h"
#include "commission.h"
#include "events.h"
#include "external_ids.h"
#include "sql.h"
#include "vat_numbers.h"

#include <inttypes.h>
#include <string.h>

#define CLIENT_COLUMNS                                                                               \
    "id, name, siren, vat_number, iban, bic, address_line1 as \"address.line1\", "                   \
    "address_line2 as \"address.line2\", address_postal_code as \"address.postal_code\", "           \
    "address_city as \"address.city\", address_country as \"address.country\", "                     \
    "billing_address_line1 as \"billing_address.line1\", "                                           \
    "billing_address_line2 as \"billing_address.line2\", "                                           \
    "billing_address_postal_code as \"billing_address.postal_code\", "                               \
    "billing_address_city as \"billing_address.city\", "                                             \
    "billing_address_country as \"billing_address.country\", "                                       \
    "billing_contact_name as \"billing_contact.name\", "                                             \
    "billing_contact_email as \"billing_contact.email\", "                                           \
    "billing_contact_phone as \"billing_contact.phone\", commission_basis as \"commission.basis\", " \
    "commission_rate_bp as \"commission.rate_bp\", "                                                 \
    "commission_fixed_fee_cents as \"commission.fixed_fee_cents\", "                                 \
    "commission_triggers as \"commission.triggers\", "                                               \
    "commission_milestones as \"commission.milestones\", "                                           \
    "payment_terms_days, report_frequency, locale, status, created_at, updated_at, version"

/* Whoever reads a client sees the identifier that their own system gave it. */
#define CLIENT_TABLES                                                                              \
    "client left join client_external_id e on e.client_id = client.id and e.system = :call.caller_system"

SQL(insert_client, CreateClientRequest, Client,
    "insert into client (id, name, siren, vat_number, iban, bic, address_line1, address_line2, address_postal_code, "
    "address_city, address_country, billing_address_line1, billing_address_line2, billing_address_postal_code, "
    "billing_address_city, billing_address_country, billing_contact_name, billing_contact_email, "
    "billing_contact_phone, commission_basis, commission_rate_bp, commission_fixed_fee_cents, commission_triggers, "
    "commission_milestones, payment_terms_days, report_frequency, locale, status) "
    "values (:call.new_id, :name, :siren, :vat_number, :iban, :bic, :address.line1, :address.line2, "
    ":address.postal_code, :address.city, case when :address.line1::text is not null then "
    "coalesce(:address.country, 'FR') end, :billing_address.line1, :billing_address.line2, "
    ":billing_address.postal_code, :billing_address.city, case when :billing_address.line1::text is not null then "
    "coalesce(:billing_address.country, 'FR') end, "
    ":billing_contact.name, :billing_contact.email, :billing_contact.phone, :commission.basis, :commission.rate_bp, "
    ":commission.fixed_fee_cents, :commission.triggers, :commission.milestones, "
    "coalesce(:payment_terms_days, 30), coalesce(:report_frequency, 'none'), coalesce(:locale, 'fr'), "
    "case when num_nulls(:siren::text, :iban::text, :address.line1::text, :billing_contact.name::text, "
    ":billing_contact.email::text, :commission.basis::text) = 0 then 'active' else 'pending' end) "
    "returning " CLIENT_COLUMNS);

SQL(get_client, GetClientRequest, Client,
    "select " CLIENT_COLUMNS ", e.external_id from " CLIENT_TABLES " where id = :id");

SQL(look_up_client, Id, Client, "select " CLIENT_COLUMNS " from client where id = :id");

SQL(list_clients, ListClientsRequest, ListClientsReply,
    "select " CLIENT_COLUMNS ", e.external_id from " CLIENT_TABLES " where (status <> 'archived' or :status = 'archived') "
    ":filter(status, e.external_id) :search(name, siren) :page");

SQL(lock_client, UpdateClientRequest, Client,
    "select " CLIENT_COLUMNS " from client where id = :id for update");

SQL(set_countries, Client, Client,
    "update client set address_country = case when address_line1 is not null then coalesce(address_country, 'FR') end, "
    "billing_address_country = case when billing_address_line1 is not null then "
    "coalesce(billing_address_country, 'FR') end where id = :id returning " CLIENT_COLUMNS);

SQL(update_client, UpdateClientRequest, Client,
    "update client set vat_number = :vat_number, :patch(name, siren, iban, bic, address.line1, address.line2, address.postal_code, "
    "address.city, address.country, billing_address.line1, billing_address.line2, billing_address.postal_code, "
    "billing_address.city, billing_address.country, billing_contact.name, billing_contact.email, "
    "billing_contact.phone, commission.basis, commission.rate_bp, commission.fixed_fee_cents, commission.triggers, "
    "commission.milestones, payment_terms_days, report_frequency, locale), "
    "updated_at = now(), version = version + 1 where id = :id and :guard(status) "
    "returning " CLIENT_COLUMNS);

SQL(move_client, GetClientRequest, Client,
    "update client set status = :call.to, updated_at = now(), version = version + 1 "
    "where id = :id and :guard(status) returning " CLIENT_COLUMNS);

SQL(erase_contact, GetClientRequest, Empty,
    "update client set billing_contact_name = null, billing_contact_email = null, billing_contact_phone = null "
    "where id = :id");

/* What an active client has (ACC-1): the field, and a part of it that is there when it is. */
static const struct {
    const char *field, *part;
} mandatory[] = {
    {"siren", "siren"},
    {"iban", "iban"},
    {"address", "address.line1"},
    {"billing_contact.name", "billing_contact.name"},
    {"billing_contact.email", "billing_contact.email"},
    {"commission", "commission.basis"},
};

enum { MANDATORY = sizeof mandatory / sizeof *mandatory };

void
accounts_check_create_client(struct call *call, const CreateClientRequest *request)
{
    vat_number_match(call, "vat_number", (struct company){request->siren, request->vat_number});
    commission_check(call, "commission", request->commission);
}

enum rpc_status
accounts_create_client(struct call *call, const CreateClientRequest *request, Client *reply)
{
    CreateClientRequest filled = *request;

    filled.vat_number = vat_number_of(call, (struct company){request->siren, request->vat_number});
    TRY(sql_one(call, &insert_client, &filled, reply));
    TRY(emit_client_created(call, reply));
    if (request->external_id == NULL)
        return RPC_OK;
    return external_id_give(call, reply, request->external_id);
}

enum rpc_status
accounts_get_client(struct call *call, const GetClientRequest *request, Client *reply)
{
    return sql_one(call, &get_client, request, reply);
}

enum rpc_status
accounts_list_clients(struct call *call, const ListClientsRequest *request, ListClientsReply *reply)
{
    return sql_page(call, &list_clients, request, reply);
}

static bool
clears(struct call *call, const UpdateClientRequest *request, size_t i)
{
    return call_present(call, mandatory[i].part) &&
           message_text(call->arena, &request->base, mandatory[i].part) == NULL;
}

static bool
lacks_country(const Address *address)
{
    return address != NULL && address->line1 != NULL && address->country == NULL;
}

/* An address that names no country is in France, given first or later. */
static enum rpc_status
fill_countries(struct call *call, Client *client)
{
    if (!lacks_country(client->address) && !lacks_country(client->billing_address))
        return RPC_OK;
    return sql_one(call, &set_countries, client, client);
}

/* An active client keeps what made it one; a pending one may lose it again. */
static enum rpc_status
check_cleared(struct call *call, const UpdateClientRequest *request, const Client *present)
{
    for (size_t i = 0; present->status == CLIENT_STATUS_ACTIVE && i < MANDATORY; i++)
        if (clears(call, request, i))
            call_violation(call, mandatory[i].field, "required",
                           "cannot be cleared; an active client needs it");
    return call_violations(call);
}

enum rpc_status
accounts_update_client(struct call *call, const UpdateClientRequest *request, Client *reply)
{
    UpdateClientRequest filled = *request;
    Client *present = NEW(call, Client);

    TRY(sql_one(call, &lock_client, request, present));
    TRY(check_cleared(call, request, present));
    filled.vat_number =
        vat_number_after(call, "", (struct company){request->siren, request->vat_number},
                         (struct company){present->siren, present->vat_number});
    TRY(sql_one(call, &update_client, &filled, reply));
    TRY(fill_countries(call, reply));
    vat_number_match(call, "vat_number", (struct company){reply->siren, reply->vat_number});
    commission_check(call, "commission", reply->commission);
    TRY(call_violations(call));
    TRY(emit_client_updated(call, reply));
    if (call_present(call, "external_id"))
        return external_id_give(call, reply, request->external_id);
    return external_id_read(call, reply);
}

/* Every mandatory field that is missing, all at once (ACC-1). */
static enum rpc_status
check_complete(struct call *call, const Client *client)
{
    for (size_t i = 0; i < MANDATORY; i++)
        if (message_text(call->arena, &client->base, mandatory[i].part) == NULL)
            call_violation(call, mandatory[i].field, "required",
                           "is missing; an active client needs it");
    return call_violations(call);
}

enum rpc_status
accounts_activate_client(struct call *call, const GetClientRequest *request, Client *reply)
{
    Client *present = NEW(call, Client);

    TRY(sql_one(call, &get_client, request, present));
    if (present->status == CLIENT_STATUS_PENDING)
        TRY(check_complete(call, present));
    TRY(sql_one(call, &move_client, request, reply));
    TRY(emit_client_activated(call, reply));
    return external_id_read(call, reply);
}

/* In the order in which ArchiveClient asks. */
enum owner { OWNER_BUDGETING, OWNER_FUNDING, OWNER_INVOICING };

static int64_t
closed_projects(const struct call *call, enum owner owner)
{
    return ((const Common__Obligations *)call->answers[owner])->closed_projects;
}

/* The owners said what is open, undecided, unpaid or left; all their reasons in one sentence
 * (ACC-3). A closing that invoicing has not heard of may still be billed. */
static enum rpc_status
check_obligations(struct call *call)
{
    const char *reasons = asks_reasons(call);
    int64_t unheard =
        closed_projects(call, OWNER_BUDGETING) - closed_projects(call, OWNER_INVOICING);

    if (unheard > 0)
        reasons = arena_printf(
            call->arena, "%s%sthe last billing of %" PRId64 " project(s) is still to come",
            reasons == NULL ? "" : reasons, reasons == NULL ? "" : "; ", unheard);
    if (reasons == NULL)
        return RPC_OK;
    return call_fail_code(call, RPC_CONFLICT, "client_has_obligations", NULL,
                          "the client cannot be archived: %s", reasons);
}

enum rpc_status
accounts_archive_client(struct call *call, const GetClientRequest *request, Client *reply)
{
    TRY(check_obligations(call));
    TRY(sql_one(call, &move_client, request, reply));
    TRY(sql_run(call, &erase_contact, request, NULL));
    TRY(external_ids_retire(call, request->id));
    events_erase_client(call, request->id);
    reply->billing_contact = NULL;
    return emit_client_archived(call, reply);
}

enum rpc_status
accounts_look_up_client(struct call *call, const Id *request, Client *reply)
{
    return sql_one(call, &look_up_client, request, reply);
}
