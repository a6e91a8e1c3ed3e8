/* SPDX-License-Identifier: Apache-2.0
 * Formats and checksums (MON-5, MON-6), with the published vectors. */
#include "checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef bool text_check(const char *);

/* NULL-ended lists; the text is named when one fails. */
static void
expect(text_check *check, bool expected, const char *const *texts)
{
    for (; *texts != NULL; texts++)
        if (check(*texts) != expected)
            fail_msg("\"%s\" should%s pass", *texts, expected ? "" : " not");
}

#define ACCEPTS(check, ...) expect(check, true, (const char *const[]){__VA_ARGS__, NULL})
#define REFUSES(check, ...) expect(check, false, (const char *const[]){__VA_ARGS__, NULL})

static void
utf8_is_strict(void **state)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "é",
                                       "€",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xe0\x9f\xbf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xe2\x28\xa1",
                                      "\xf0\x9f\x98"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(check_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(check_utf8(bad[i], strlen(bad[i])));
    assert_false(check_utf8("a\0b", 3));
    assert_false(check_utf8("€", 2));
}

static void
mon_5_identifiers(void **state)
{
    (void)state;
    ACCEPTS(check_uuid, "0190163d-8694-739b-aea5-966c26f8ad91",
            "0190163D-8694-739B-AEA5-966C26F8AD91");
    REFUSES(check_uuid, "", "0190163d-8694-739b-aea5-966c26f8ad9",
            "0190163d-8694-739b-aea5-966c26f8ad911", "0190163d8694739baea5966c26f8ad91",
            "0190163g-8694-739b-aea5-966c26f8ad91", "{190163d-8694-739b-aea5-966c26f8ad9}",
            "0190163d-8694-739b-aea5-966c26f8ad9 ");
}

static void
mon_5_dates(void **state)
{
    (void)state;
    ACCEPTS(check_date, "2026-11-22", "2024-02-29", "2000-02-29", "1900-01-01", "2199-12-31");
    REFUSES(check_date, "", "2026", "2026-11", "2026-11-2", "2026-11-222", "2026-02-29",
            "2100-02-29", "1900-02-29", "2026-04-31", "2026-00-10", "2026-13-10", "2026-10-00",
            "2026-10-32", "1899-12-31", "2200-01-01", "2026/11/22", "22-11-2026", "2026-1-022",
            " 2026-11-22", "-026-11-22", "+026-11-22");
}

static void
mon_5_instants(void **state)
{
    (void)state;
    ACCEPTS(check_instant, "2026-11-22T18:19:00Z", "2026-11-22T18:19:00.1Z",
            "2026-11-22T18:19:00.123456789Z", "2026-11-22T23:59:59+01:00",
            "2026-11-22T00:00:00.5-14:00");
    REFUSES(check_instant, "", "2026-11-22", "2026-11-22T18:19:00", "2026-11-22 18:19:00Z",
            "2026-11-22T24:00:00Z", "2026-11-22T18:60:00Z", "2026-11-22T18:19:60Z",
            "2026-11-22T18:19:00.Z", "2026-11-22T18:19:00.1234567890Z", "2026-11-22T18:19Z",
            "2026-11-22T18:19:00+1:00", "2026-11-22T18:19:00+15:00", "2026-11-22T18:19:00+01:60",
            "2026-11-22T18:19:00+01:00Z", "2026-11-22T18:19:00Zz", "2026-02-30T18:19:00Z",
            "2026-11-22T18:19:0", "2026-11-22T1", "2026-11-22T18:19:00+", "2026-11-22T18:19:00+0");
}

static void
emails(void **state)
{
    static const char label[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    char at_limit[256], beyond[256];

    (void)state;
    snprintf(at_limit, sizeof at_limit, "abc@%s.%s.%s.%.58s", label, label, label, label);
    snprintf(beyond, sizeof beyond, "abcd@%s.%s.%s.%.58s", label, label, label, label);
    assert_int_equal(strlen(at_limit), 254);
    ACCEPTS(check_email, "a@b.fr", "jeanne.d-arc+test@example.co.uk", "o'neil@exemple.fr", "a@1.fr",
            "x_{|}~@xn--caf-dma.fr", at_limit);
    REFUSES(check_email, "", "a", "@b.fr", "a@", "a@b", "a@b.", "a@.fr", "a@b..fr", ".a@b.fr",
            "a.@b.fr", "a..b@b.fr", "a b@b.fr", "a@b@c.fr", "a@-b.fr", "a@b-.fr", "a@b.fr-",
            "a@192.168.1.1", "é@b.fr", "a@é.fr", "\"a\"@b.fr", "a@[::1]", "a@b.fr\r\nBcc: c@d.fr",
            "a@b.fr ", "<a@b.fr>", "a,b@c.fr", beyond,
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.fr",
            "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.fr");
}

static void
mon_6_phones(void **state)
{
    (void)state;
    ACCEPTS(check_phone, "+33123456789", "+6834567", "+123456789012345");
    REFUSES(check_phone, "", "+", "0123456789", "+0123456789", "+33 1 23", "+1234567890123456",
            "+123456", "33123456789", "+33a23456789", "+33(0)12345");
}

static void
mon_6_siren(void **state)
{
    (void)state;
    ACCEPTS(check_siren, "732829320", "404833048", "356000000");
    REFUSES(check_siren, "", "732829321", "73282932", "7328293200", "73282932O", "732 829 320");
    for (size_t at = 0; at < 9; at++) {
        char siren[] = "732829320";

        siren[at] = (char)(siren[at] == '9' ? '0' : siren[at] + 1);
        REFUSES(check_siren, siren);
    }
}

static void
mon_6_vat_numbers(void **state)
{
    (void)state;
    ACCEPTS(check_vat_number, "FR44732829320", "FR83404833048", "FR39356000000", "FR0A404833048",
            "FRK7399859412", "DE123456789", "IE1234567FA", "IE1+23456A", "NL123456789B01");
    REFUSES(check_vat_number, "", "FR", "FR45732829320", "FR4473282932", "FR447328293200",
            "44732829320", "fr44732829320", "FR4473282932A", "FR*4732829320", "DE1", "D1234567",
            "DE1234567890123", "DE12 3456789", "DE1234é");
}

static void
mon_6_vat_number_follows_from_siren(void **state)
{
    static const char *const pairs[][2] = {{"732829320", "FR44732829320"},
                                           {"404833048", "FR83404833048"},
                                           {"356000000", "FR39356000000"}};
    char vat_number[14];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        vat_number_of_siren(pairs[i][0], vat_number);
        assert_string_equal(vat_number, pairs[i][1]);
    }
}

static void
mon_6_ibans(void **state)
{
    (void)state;
    ACCEPTS(check_iban, "FR7630006000011234567890189", "FR1420041010050500013M02606",
            "DE89370400440532013000", "GB29NWBK60161331926819", "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S");
    REFUSES(check_iban, "", "FR", "FR7630006000011234567890188", "FR7730006000011234567890189",
            "FR763000600001123456789018", "FR76300060000112345678901891",
            "fr7630006000011234567890189", "FR76 3000 6000 0112 3456 7890 189",
            "DE89370400440532013001", "DE8937040044053201300é", "12345678901234567",
            "XX00ABCDEFGHIJKLMNOPQRSTUVWXYZ012345");
}

/* The check digits are right, the RIB key is not: only the second checksum can tell. */
static void
mon_6_french_ibans_have_their_rib_key_checked(void **state)
{
    char iban[64];
    int right = 0;

    (void)state;
    for (int key = 1; key <= 97; key++)
        for (int digits = 2; digits <= 98; digits++) {
            snprintf(iban, sizeof iban, "FR%02d300060000112345678901%02d", digits, key);
            right += check_iban(iban);
        }
    assert_int_equal(right, 1);
}

static void
bics_and_countries(void **state)
{
    (void)state;
    ACCEPTS(check_bic, "BNPAFRPP", "BNPAFRPPXXX", "AGRIFRPP882");
    REFUSES(check_bic, "", "BNPAFRP", "BNPAFRPPX", "BNPAFRPPXXXX", "bnpafrpp", "BNPA12PP",
            "BNPAFRP ");
    ACCEPTS(check_country, "FR", "DE");
    REFUSES(check_country, "", "F", "fr", "FRA", "F1");
}

static void
urls(void **state)
{
    (void)state;
    ACCEPTS(check_url, "https://example.fr", "http://localhost:8443/a/b?c=d#e",
            "https://127.0.0.1:1/", "https://[::1]:8443/x", "https://[2001:db8::1]",
            "https://a-b.example/%C3%A9?x[]=@");
    REFUSES(check_url, "", "example.fr", "ftp://example.fr", "https://", "https:///path",
            "https://user@example.fr", "https://u:p@example.fr/", "https://exa mple.fr",
            "https://example.fr:0", "https://example.fr:65536",
            "https://example.fr:", "https://example.fr:8a", "javascript:alert(1)",
            "https://example.fr/\"x", "https://example.fr/é", "https://[::1", "https://[]",
            "https://[::1]x", "https://-a.fr", "https://a..fr", "https://example.fr/\n",
            "https://?x", "HTTPS//a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(mon_5_identifiers),
        cmocka_unit_test(mon_5_dates),
        cmocka_unit_test(mon_5_instants),
        cmocka_unit_test(emails),
        cmocka_unit_test(mon_6_phones),
        cmocka_unit_test(mon_6_siren),
        cmocka_unit_test(mon_6_vat_numbers),
        cmocka_unit_test(mon_6_vat_number_follows_from_siren),
        cmocka_unit_test(mon_6_ibans),
        cmocka_unit_test(mon_6_french_ibans_have_their_rib_key_checked),
        cmocka_unit_test(bics_and_countries),
        cmocka_unit_test(urls),
    };

    return cmocka_run_group_tests_name("checks", tests, NULL, NULL);
}
