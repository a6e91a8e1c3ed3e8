/* SPDX-License-Identifier: Apache-2.0
 * Settings: one row; what a law can change is a dated list in it. */
#include "accounts.rpc.h"
#include "legal_keys.h"
#include "sql.h"
#include "vat_numbers.h"

#include <string.h>

#define SETTINGS_COLUMNS                                                                           \
    "id, seller_name as \"seller.name\", seller_legal_form as \"seller.legal_form\", "             \
    "seller_capital_cents as \"seller.capital_cents\", seller_address_line1 as "                   \
    "\"seller.address.line1\", seller_address_line2 as \"seller.address.line2\", "                 \
    "seller_address_postal_code as \"seller.address.postal_code\", seller_address_city as "        \
    "\"seller.address.city\", seller_address_country as \"seller.address.country\", "              \
    "seller_siren as \"seller.siren\", seller_rcs_city as \"seller.rcs_city\", "                   \
    "seller_vat_number as \"seller.vat_number\", seller_iban as \"seller.iban\", seller_bic "      \
    "as \"seller.bic\", seller_activity_declaration_number as "                                    \
    "\"seller.activity_declaration_number\", seller_vat_on_debits as "                             \
    "\"seller.vat_on_debits\", seller_email as \"seller.email\", commission_vat_rates, "           \
    "late_penalty_rates, legal_sentences, public_url, web_ui_url, mail_from, "                     \
    "review_link_days, reminder_days, require_mfa, cors_origins, created_at, updated_at, "         \
    "version"

SQL(get_settings, GetSettingsRequest, Settings, "select " SETTINGS_COLUMNS " from settings");

SQL(lock_settings, UpdateSettingsRequest, Settings, "select " SETTINGS_COLUMNS " from settings for update");

SQL(get_allowed_origins, Empty, AllowedOrigins, "select cors_origins from settings");

SQL(update_settings, UpdateSettingsRequest, Settings,
    "update settings set seller_vat_number = :seller.vat_number, :patch("
    "seller.name, seller.legal_form, seller.capital_cents, seller.address.line1, "
    "seller.address.line2, seller.address.postal_code, seller.address.city, "
    "seller.address.country, seller.siren, seller.rcs_city, seller.iban, "
    "seller.bic, seller.activity_declaration_number, seller.vat_on_debits, seller.email, "
    "commission_vat_rates, late_penalty_rates, legal_sentences, public_url, "
    "web_ui_url, mail_from, review_link_days, reminder_days, require_mfa, cors_origins), updated_at = now(), "
    "version = version + 1 where :guard returning " SETTINGS_COLUMNS);

enum rpc_status
accounts_get_settings(struct call *call, const GetSettingsRequest *request, Settings *reply)
{
    return sql_one(call, &get_settings, request, reply);
}

enum rpc_status
accounts_get_allowed_origins(struct call *call, const Empty *request, AllowedOrigins *reply)
{
    return sql_one(call, &get_allowed_origins, request, reply);
}

static void
check_period(struct call *call, const char *list, size_t index, const char *from, const char *to)
{
    if (from != NULL && to != NULL && strcmp(to, from) < 0)
        call_violation(call, arena_printf(call->arena, "%s.%zu.valid_to", list, index),
                       "out_of_order", "is before valid_from");
}

static void
check_rates(struct call *call, const char *list, DatedRate *const *rates, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_period(call, list, i, rates[i]->valid_from, rates[i]->valid_to);
}

static void
check_base(struct call *call, const char *field, const char *url)
{
    if (url != NULL && strpbrk(url, "?#") != NULL)
        call_violation(call, field, "invalid_url", "is what links begin with: leave out ? and #");
}

static void
check_key(struct call *call, size_t index, const char *key)
{
    static const char *const keys[] = {LEGAL_KEYS};
    size_t i = 0;

    while (key != NULL && i < sizeof keys / sizeof *keys && strcmp(keys[i], key) != 0)
        i++;
    if (i == sizeof keys / sizeof *keys)
        call_violation(call, arena_printf(call->arena, "legal_sentences.%zu.key", index),
                       "unknown_value",
                       "is none of " LEGAL_DISCOUNT ", " LEGAL_PENALTY ", " LEGAL_INDEMNITY
                       ", " LEGAL_VAT_ON_DEBITS ", " LEGAL_VAT_EXEMPTION);
}

void
accounts_check_update_settings(struct call *call, const UpdateSettingsRequest *request)
{
    check_base(call, "public_url", request->public_url);
    check_base(call, "web_ui_url", request->web_ui_url);
    check_rates(call, "commission_vat_rates", request->commission_vat_rates,
                request->n_commission_vat_rates);
    check_rates(call, "late_penalty_rates", request->late_penalty_rates,
                request->n_late_penalty_rates);
    for (size_t i = 0; i < request->n_legal_sentences; i++) {
        check_key(call, i, request->legal_sentences[i]->key);
        check_period(call, "legal_sentences", i, request->legal_sentences[i]->valid_from,
                     request->legal_sentences[i]->valid_to);
    }
}

/* Links begin with it, and go on with a slash. */
static char *
take_base(struct call *call, const char *url)
{
    size_t length;

    if (url == NULL)
        return NULL;
    for (length = strlen(url); url[length - 1] == '/';)
        length--;
    return arena_strndup(call->arena, url, length);
}

static struct company
company_of(const Seller *seller)
{
    return seller == NULL ? (struct company){NULL, NULL}
                          : (struct company){seller->siren, seller->vat_number};
}

/* What the request says of the seller, with the VAT number that there is to be (MON-6). */
static Seller *
fill_vat_number(struct call *call, const Seller *said, const Seller *present)
{
    Seller *filled = NEW(call, Seller);

    if (said != NULL)
        *filled = *said;
    filled->vat_number = vat_number_after(call, "seller.", company_of(said), company_of(present));
    return filled;
}

enum rpc_status
accounts_update_settings(struct call *call, const UpdateSettingsRequest *request, Settings *reply)
{
    UpdateSettingsRequest filled = *request;
    Settings *present = NEW(call, Settings);

    TRY(sql_one(call, &lock_settings, request, present));
    filled.seller = fill_vat_number(call, request->seller, present->seller);
    filled.public_url = take_base(call, request->public_url);
    filled.web_ui_url = take_base(call, request->web_ui_url);
    TRY(sql_one(call, &update_settings, &filled, reply));
    vat_number_match(call, "seller.vat_number", company_of(reply->seller));
    TRY(call_violations(call));
    return emit_settings_changed(call, reply);
}
