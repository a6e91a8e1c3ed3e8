/* SPDX-License-Identifier: Apache-2.0
 * What a mail carries and nobody keeps here: asked from its owner at sending (ACC-8). */
#ifndef ESCARCELLE_MAIL_ENCLOSURES_H
#define ESCARCELLE_MAIL_ENCLOSURES_H

#include "mail_assembly.h"

enum enclosing {
    ENCLOSED,
    ENCLOSING_AWAY,     /* its owner could not be asked, or is not ready: try again */
    ENCLOSING_POINTLESS /* its link can't be used any more */
};

/* Fills *enclosure; otherwise *reason is a sentence. Outside any transaction. */
enum enclosing mail_enclose(struct call *call, const StoredMail *mail,
                            struct mail_enclosure *enclosure, const char **reason);

#endif
