/* SPDX-License-Identifier: Apache-2.0
 * A JSON text as cJSON's tree, once a scan of our own found nothing that cJSON lets pass. */
#ifndef ESCARCELLE_JSON_TREE_H
#define ESCARCELLE_JSON_TREE_H

#include "json.h"

#include <cjson/cJSON.h>

/* cJSON allocates for itself; the arena frees the tree if json_tree_free does not. */
struct json_tree {
    cJSON *root;
};

/* Parses text; NULL and *problem when it is not JSON as api.md has it. Numbers in the tree are
 * whole and exact, strings are valid UTF-8 without NUL; duplicate names are the reader's to find.
 */
struct json_tree *json_tree_parse(struct arena *arena, const char *text, size_t length,
                                  struct json_problem *problem);
/* Frees it before the arena would. */
void json_tree_free(struct json_tree *tree);

#endif
