/* SPDX-License-Identifier: Apache-2.0
 * Makes and verifies secret links; holds the key and knows no object. */
#include "link.h"

#include "config.h"
#include "log.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    ID_BYTES = 16,
    EXPIRY_BYTES = 8,
    SIGNED_BYTES = ID_BYTES + EXPIRY_BYTES,
    MAC_BYTES = crypto_auth_hmacsha256_BYTES,
    RAW_BYTES = SIGNED_BYTES + MAC_BYTES
};

static_assert(LINK_TOKEN_BYTES ==
                  sodium_base64_ENCODED_LEN(RAW_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
              "the token's length follows from its parts");

static uint8_t key[crypto_auth_hmacsha256_KEYBYTES];
static bool key_loaded;

void
link_key_load(const char *path)
{
    static const char name[] = "ESCARCELLE_LINK_KEY_FILE";
    char *text = config_secret(name, path);
    size_t length = 0;
    const char *end = NULL;

    if (sodium_hex2bin(key, sizeof key, text, strlen(text), NULL, &length, &end) != 0 ||
        length != sizeof key || *end != '\0')
        fatal("%s must name a file with 64 hexadecimal digits", name);
    config_secret_free(text);
    key_loaded = true;
}

static void
compute_mac(const char *purpose, const uint8_t *bytes, uint8_t mac[MAC_BYTES])
{
    crypto_auth_hmacsha256_state state;

    assert(key_loaded);
    crypto_auth_hmacsha256_init(&state, key, sizeof key);
    crypto_auth_hmacsha256_update(&state, bytes, SIGNED_BYTES);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)purpose, strlen(purpose));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
}

static void
write_id(const uint8_t *bytes, char id[37])
{
    char hex[2 * ID_BYTES + 1];
    size_t from = 0;

    sodium_bin2hex(hex, sizeof hex, bytes, ID_BYTES);
    for (size_t to = 0; to < 36; to++)
        id[to] = to == 8 || to == 13 || to == 18 || to == 23 ? '-' : hex[from++];
    id[36] = '\0';
}

void
link_make(const char *purpose, const char *id, int64_t expires_at_s, char token[LINK_TOKEN_BYTES])
{
    uint8_t raw[RAW_BYTES];
    size_t length = 0;
    int parsed = sodium_hex2bin(raw, ID_BYTES, id, strlen(id), "-", &length, NULL);

    assert(parsed == 0 && length == ID_BYTES && expires_at_s >= 0);
    for (int i = 0; i < EXPIRY_BYTES; i++)
        raw[ID_BYTES + i] = (uint8_t)((uint64_t)expires_at_s >> (56 - 8 * i));
    compute_mac(purpose, raw, raw + SIGNED_BYTES);
    sodium_bin2base64(token, LINK_TOKEN_BYTES, raw, sizeof raw,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum link_outcome
link_verify(const char *purpose, const char *token, int64_t now_s, char id[37])
{
    uint8_t raw[RAW_BYTES], mac[MAC_BYTES];
    uint64_t expires_at_s = 0;
    size_t length = 0;

    if (strnlen(token, LINK_TOKEN_BYTES) != LINK_TOKEN_BYTES - 1 ||
        sodium_base642bin(raw, sizeof raw, token, LINK_TOKEN_BYTES - 1, NULL, &length, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length != sizeof raw)
        return LINK_FORGED;
    compute_mac(purpose, raw, mac);
    if (sodium_memcmp(mac, raw + SIGNED_BYTES, sizeof mac) != 0)
        return LINK_FORGED;
    for (int i = 0; i < EXPIRY_BYTES; i++)
        expires_at_s = expires_at_s << 8 | raw[ID_BYTES + i];
    write_id(raw, id);
    return now_s >= 0 && (uint64_t)now_s < expires_at_s ? LINK_VALID : LINK_EXPIRED;
}
