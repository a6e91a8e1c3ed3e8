/* SPDX-License-Identifier: Apache-2.0
 * Fictitious invoices for the tests and for looking at. */
#include "invoice_samples.h"
#include <string.h>

static const char *const french_mentions[] = {
    "Escompte pour paiement anticipé : néant.",
    "En cas de retard de paiement, une pénalité au taux de 12,15 % l’an est exigible sans rappel, à "
    "compter du lendemain de la date d’échéance, sur le montant TTC restant dû.",
    "Une indemnité forfaitaire de 40 € pour frais de recouvrement est due en cas de retard de "
    "paiement.",
};

static const char *const english_mentions[] = {
    "No discount for early payment.",
    ("Late payment: a penalty of 12.15% a year is due without reminder from the day after the due "
     "date, on the unpaid amount including VAT."),
    "A fixed sum of €40 for recovery costs is due in case of late payment.",
};

static const struct invoice_line worked_line[] = {
    {"Commission de gestion sur fonds non consommés – projet « Parcours managers 2026 » : 5 % de "
     "3 400,00 € HT",
     1, 17000, 17000, 2000},
};
static const struct invoice_vat_group worked_vat[] = {{2000, 17000, 3400, NULL}};

struct invoice_document
sample_invoice(const char *locale)
{
    bool english = strcmp(locale, "en") == 0;
    return (struct invoice_document){
        .kind = INVOICE_DOCUMENT_INVOICE,
        .id = "0193542a-7c1e-7b3a-9f10-2b7d5a1c4e88",
        .created = "2026-11-22T18:19:00.123Z",
        .locale = locale,
        .number = "FA-2026-000123",
        .issue_date = "2026-11-22",
        .due_date = "2026-12-22",
        .service_start = "2026-11-22",
        .purchase_order = "BC-4500012345",
        .subject = "Projet « Parcours managers 2026 »",
        .seller = {.name = "Escarcelle Formation (société fictive)",
                   .legal_form = "SAS",
                   .capital_cents = 5000000,
                   .address = {"12 rue de la Paix", NULL, "75002", "Paris", "FR"},
                   .siren = "404833048",
                   .rcs_city = "Paris",
                   .vat_number = "FR83404833048",
                   .activity_declaration_number = "11 75 00000 75",
                   .email = "facturation@escarcelle.example",
                   .iban = "FR7630006000011234567890189",
                   .bic = "AGRIFRPP"},
        .buyer = {.name = "ACME",
                  .address = {"1 place de l’Hôtel-de-Ville", "Bâtiment C, 3e étage", "69001",
                              "Lyon", "FR"},
                  .siren = "732829320",
                  .vat_number = "FR44732829320"},
        .lines = worked_line,
        .line_count = 1,
        .vat_groups = worked_vat,
        .vat_group_count = 1,
        .net_cents = 17000,
        .vat_cents = 3400,
        .gross_cents = 20400,
        .mentions = english ? english_mentions : french_mentions,
        .mention_count = 3,
    };
}

struct invoice_document
sample_credit_note(const char *locale)
{
    struct invoice_document document = sample_invoice(locale);
    document.kind = INVOICE_DOCUMENT_CREDIT_NOTE;
    document.id = "0193542a-7c1e-7b3a-9f10-2b7d5a1c4e89";
    document.number = "AV-2026-000045";
    document.original_number = "FA-2026-000123";
    document.original_date = "2026-11-22";
    document.reason = strcmp(locale, "en") == 0 ? "Session reopened: “Negotiation”"
                                                : "Session rouverte : « Négociation »";
    document.issue_date = "2026-12-01";
    document.due_date = NULL;
    document.mention_count = 0;
    return document;
}

struct invoice_document
sample_long_invoice(struct arena *arena, size_t count)
{
    static const char *const descriptions[] = {
        "Commission – session « Prise de parole » du 3 décembre 2026",
        "Commission – session « Sécurité au travail : gestes et postures, habilitation électrique, "
        "travail en hauteur et conduite d’engins », du 7 décembre 2026 au 11 décembre 2026, à "
        "Saint-Étienne-du-Rouvray",
        "XYZ-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789",
        "Œuvre, cœur, naïve, Noël, façade, garçon, où, là, « guillemets », l’apostrophe… 100 % – 1 — 2",
    };
    static const struct invoice_vat_group groups[] = {
        {2000, 123456789, 24691358, NULL},
        {550, 45000000, 2475000, NULL},
        {0, 100000, 0, "Exonération de TVA, article 261-4-4° a du CGI"},
    };
    static const struct invoice_address billing = {"Comptabilité fournisseurs", "BP 40312", "59000",
                                                   "Lille", "FR"};
    struct invoice_line *lines = arena_array(arena, count, sizeof *lines);
    for (size_t i = 0; i < count; i++)
        lines[i] =
            (struct invoice_line){descriptions[i % 4], 1 + (int64_t)(i % 3), 123456789, 123456789,
                                  i % 4 == 1   ? 550
                                  : i % 4 == 2 ? 0
                                               : 2000};
    struct invoice_document document = sample_invoice("fr");
    document.buyer.name = "Société anonyme des Établissements réunis du Grand-Ouest et du Centre, "
                          "département de la formation professionnelle";
    document.buyer.billing_address = &billing;
    document.service_end = "2026-12-11";
    document.lines = lines;
    document.line_count = count;
    document.vat_groups = groups;
    document.vat_group_count = 3;
    document.net_cents = 168556789;
    document.vat_cents = 27166358;
    document.gross_cents = 195723147;
    return document;
}
