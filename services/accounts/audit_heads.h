/* SPDX-License-Identifier: Apache-2.0
 * Signed heads of the audit chain in config.audit_dir, outside the database: one line each in the file
 * `heads`, "sequence hash signature". */
#ifndef ESCARCELLE_AUDIT_HEADS_H
#define ESCARCELLE_AUDIT_HEADS_H

#include "service.h"

#include <sodium.h>
#include <stdio.h>

#define AUDIT_SIGNATURE_TEXT_BYTES (2 * crypto_sign_BYTES + 1)

#define HEAD_LINE_BYTES 256

struct kept_head {
    long line; /* of the file, from 1 on */
    long long sequence;
    char hash[65], signature[AUDIT_SIGNATURE_TEXT_BYTES];
};

/* The public half of the key in config.audit_key_file. */
void audit_heads_key(uint8_t public_key[crypto_sign_PUBLICKEYBYTES]);
/* A file of config.audit_dir, closed with the call; NULL when it can't be opened. */
FILE *audit_heads_open(struct call *call, const char *name, const char *mode);
enum head_line {
    HEAD_LINE_NONE, /* the end; a last line without its newline was cut off by a crash, or is being written */
    HEAD_LINE_READ,
    HEAD_LINE_BROKEN /* not as we write them */
};

/* The head behind `head`, which is zeros at the start; a line that is no head only counts. */
enum head_line audit_head_next(FILE *file, struct kept_head *head);
/* What to say of the line that is no head. */
const char *audit_head_fault(struct call *call, const struct kept_head *head, const char *name);
/* Whether we signed it. */
bool audit_head_is_ours(const struct kept_head *head,
                        const uint8_t public_key[crypto_sign_PUBLICKEYBYTES]);
/* After a restore: the log must lie on the chain of the kept heads. Those beyond its end move to
 * heads.lost-EPOCH, and the event says up to which entry the log is lost. */
enum rpc_status audit_heads_restored(struct call *call, int64_t epoch,
                                     Ops__DatabaseRestored *event) RPC_CHECKED;

#endif
