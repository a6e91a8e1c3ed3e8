/* SPDX-License-Identifier: Apache-2.0
 * Which mail goes to whom: the NOT table as data. Pure. */
#ifndef ESCARCELLE_MAIL_KINDS_H
#define ESCARCELLE_MAIL_KINDS_H

#include "notifications.rpc.h"

/* In place of a kind. */
#define MAIL_NEVER_GATHERED ((MessageKind)0)

/* What an entry of a mailing list gets of a kind of mail. */
enum mailing { MAILING_NOTHING, MAILING_NOTICE, MAILING_DOCUMENT };

/* The template (mails.h) of a kind for an audience; NULL when there is no such mail. */
const char *mail_template_of(MessageKind kind, MessageAudience audience);
/* An entry without kinds gets every notice, and no document (NOT-1). */
enum mailing mailing_of(const MailingListEntry *entry, MessageKind kind);
/* As which kind many notices of a kind to a mailing list are told (NOT-1); or MAIL_NEVER_GATHERED. */
MessageKind mail_gathered_as(MessageKind kind);

#endif
