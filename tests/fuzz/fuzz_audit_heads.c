/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the file of kept heads: what is read fits and reads the same when it is written again, as a restore
 * does; a head is ours with the signature that our key makes of it, and with no other. */
#include "audit_heads.h"

#include "input.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

struct keys {
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
};

static const struct keys *
our_keys(void)
{
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {1, 2, 3};
    static struct keys keys;
    static bool made;

    if (!made)
        crypto_sign_seed_keypair(keys.public_key, keys.secret_key, seed);
    made = true;
    return &keys;
}

static void
sign(const struct kept_head *head, char out[AUDIT_SIGNATURE_TEXT_BYTES])
{
    uint8_t signature[crypto_sign_BYTES];
    char text[128];
    int length = snprintf(text, sizeof text, "%lld %s", head->sequence, head->hash);

    crypto_sign_detached(signature, NULL, (const uint8_t *)text, (unsigned long long)length,
                         our_keys()->secret_key);
    sodium_bin2hex(out, AUDIT_SIGNATURE_TEXT_BYTES, signature, sizeof signature);
}

static bool
is_ours(const struct kept_head *head)
{
    return audit_head_is_ours(head, our_keys()->public_key);
}

/* The right signature is known again; cut or with another character it is not. */
static void
check_signature(const struct kept_head *read, size_t cut, size_t at, char character)
{
    struct kept_head head = *read, changed = *read;

    sign(&head, head.signature);
    assert(is_ours(&head));
    assert(is_ours(read) == (strcasecmp(read->signature, head.signature) == 0));
    memcpy(changed.signature, head.signature, sizeof head.signature);
    changed.signature[at % (AUDIT_SIGNATURE_TEXT_BYTES - 1)] = character;
    changed.signature[AUDIT_SIGNATURE_TEXT_BYTES - 1 - cut % AUDIT_SIGNATURE_TEXT_BYTES] = '\0';
    assert(is_ours(&changed) == (strcasecmp(changed.signature, head.signature) == 0));
}

static FILE *
open_bytes(const void *bytes, size_t size)
{
    FILE *file = fmemopen((void *)(uintptr_t)bytes, size, "r");

    assert(file != NULL);
    return file;
}

static void
check_written(const struct kept_head *head)
{
    char line[256];
    struct kept_head again = {0};
    int length =
        snprintf(line, sizeof line, "%lld %s %s\n", head->sequence, head->hash, head->signature);
    FILE *file = open_bytes(line, (size_t)length);

    assert(audit_head_next(file, &again) == HEAD_LINE_READ && again.sequence == head->sequence);
    input_expect_same(again.hash, head->hash);
    input_expect_same(again.signature, head->signature);
    assert(audit_head_next(file, &again) == HEAD_LINE_NONE);
    fclose(file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    size_t cut = input_byte(&input), at = input_byte(&input);
    char character = (char)input_byte(&input);
    struct kept_head head = {0};
    size_t count = 0;

    if (input.left == 0)
        return 0;
    FILE *file = open_bytes(input.at, input.left);
    while (audit_head_next(file, &head) == HEAD_LINE_READ) {
        if (count++ == 0)
            check_signature(&head, cut, at, character);
        check_written(&head);
    }
    fclose(file);
    return 0;
}
