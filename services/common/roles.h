/* SPDX-License-Identifier: Apache-2.0
 * Whether a caller has a role (api.md, Resources). The gateway looks before it reads a body, the
 * service decides. Pure. */
#ifndef ESCARCELLE_ROLES_H
#define ESCARCELLE_ROLES_H

#include "rpc.h"
#include "wire.pb-c.h"

/* writes: the operation changes something, which a read API key may not. caller NULL: anonymous. */
bool role_admits(enum rpc_role role, bool writes, const Wire__Caller *caller);

#endif
