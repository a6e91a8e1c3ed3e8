/* SPDX-License-Identifier: Apache-2.0
 * Reads the environment into the one configuration and prints it; knows keys, not meanings. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_CONFIGURATION = 2, SECRET_BYTES_MAX = 4096 };

enum kind { KIND_number, KIND_text };

struct entry {
    enum kind kind;
    size_t offset;
    const char *key, *preset, *help;
};

static const struct entry entries[] = {
#define CONFIG_ENTRY(kind, field, key, preset, help)                                               \
    {KIND_##kind, offsetof(struct config, field), key, preset, help},
    CONFIG_TABLE(CONFIG_ENTRY)
#undef CONFIG_ENTRY
};

static const size_t entries_count = sizeof entries / sizeof *entries;
static const char prefix[] = "ESCARCELLE_";

struct config config;

static noreturn void
refuse(const char *key, const char *reason)
{
    fprintf(stderr, "%s %s\n", key, reason);
    exit(EXIT_CONFIGURATION);
}

static void *
member(const struct entry *entry)
{
    return (char *)&config + entry->offset;
}

static void
set(const struct entry *entry, const char *value)
{
    switch (entry->kind) {
    case KIND_text:
        *(const char **)member(entry) = value;
        return;
    case KIND_number: {
        char *end;
        long long number;

        errno = 0;
        number = strtoll(value, &end, 10);
        if (*value < '0' || *value > '9' || *end != '\0' || errno != 0)
            refuse(entry->key, "must be a whole number, 0 or more");
        *(int64_t *)member(entry) = number;
        return;
    }
    }
}

static const struct entry *
find(const char *key, size_t length)
{
    for (size_t i = 0; i < entries_count; i++)
        if (strlen(entries[i].key) == length && memcmp(entries[i].key, key, length) == 0)
            return &entries[i];
    return NULL;
}

void
config_load(void)
{
    for (size_t i = 0; i < entries_count; i++)
        set(&entries[i], entries[i].preset);
    for (char **variable = environ; *variable != NULL; variable++) {
        size_t length = strcspn(*variable, "=");
        const struct entry *entry = find(*variable, length);

        if (entry != NULL) {
            set(entry, *variable + length + 1);
            continue;
        }
        if (strncmp(*variable, prefix, sizeof prefix - 1) == 0) {
            fprintf(stderr, "%.*s is not a configuration key; --help lists them\n", (int)length,
                    *variable);
            exit(EXIT_CONFIGURATION);
        }
    }
}

void
config_print(void)
{
    for (size_t i = 0; i < entries_count; i++) {
        const struct entry *entry = &entries[i];

        switch (entry->kind) {
        case KIND_text:
            printf("%s=%s\n", entry->key, *(const char **)member(entry));
            break;
        case KIND_number:
            printf("%s=%lld\n", entry->key, (long long)*(int64_t *)member(entry));
            break;
        }
        printf("    %s (default: %s)\n", entry->help, *entry->preset ? entry->preset : "none");
    }
}

char *
config_secret(const char *key, const char *path)
{
    char line[SECRET_BYTES_MAX];
    FILE *file;
    char *secret;

    if (*path == '\0')
        refuse(key, "must name a file");
    file = fopen(path, "re");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        refuse(key, "names a file that is empty or can't be read");
    fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    secret = *line == '\0' ? NULL : strdup(line);
    if (secret == NULL)
        refuse(key, "names a file whose first line is empty");
    explicit_bzero(line, sizeof line);
    return secret;
}

void
config_secret_free(char *secret)
{
    if (secret == NULL)
        return;
    explicit_bzero(secret, strlen(secret));
    free(secret);
}
