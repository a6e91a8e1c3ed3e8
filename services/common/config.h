/* SPDX-License-Identifier: Apache-2.0
 * Configuration from ESCARCELLE_… environment variables: one alphabetical table with type, default
 * and help, read once, frozen after start. Secrets come from files named by …_FILE keys. */
#ifndef ESCARCELLE_CONFIG_H
#define ESCARCELLE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(kind, field, KEY, default, help) — kind: text, number. Alphabetical by key. */
#define CONFIG_TABLE(X)                                                                            \
    X(number, anonymous_per_minute, "ESCARCELLE_ANONYMOUS_PER_MINUTE", "6000",                     \
      "gateway: requests without a caller's token of one address; 0: any number")                  \
    X(number, arena_bytes_max, "ESCARCELLE_ARENA_BYTES_MAX", "33554432",                           \
      "memory of one call at most")                                                                \
    X(text, audit_dir, "ESCARCELLE_AUDIT_DIR", "",                                                 \
      "accounts: folder outside the database that keeps the signed audit heads")                   \
    X(text, audit_key_file, "ESCARCELLE_AUDIT_KEY_FILE", "",                                       \
      "accounts: Ed25519 key that signs the audit heads")                                          \
    X(text, bind, "ESCARCELLE_BIND", "ipc:///run/escarcelle/broker-1",                             \
      "broker: where this broker listens, same form")                                              \
    X(text, brokers, "ESCARCELLE_BROKERS", "ipc:///run/escarcelle/broker-1",                       \
      "brokers, separated by commas; each has -clients, -workers, -publish and -subscribe "        \
      "appended to its ipc path, or port+0..3 for tcp")                                            \
    X(number, caller_per_minute, "ESCARCELLE_CALLER_PER_MINUTE", "600000",                         \
      "gateway: requests of one caller; 0: any number")                                            \
    X(text, database_host, "ESCARCELLE_DATABASE_HOST", "/run/postgresql",                          \
      "PostgreSQL host or socket folder")                                                          \
    X(text, database_name, "ESCARCELLE_DATABASE_NAME", "escarcelle", "PostgreSQL database")        \
    X(text, database_owner, "ESCARCELLE_DATABASE_OWNER", "",                                       \
      "role that owns the schema, for --migrate; <service>_owner unless said")                     \
    X(text, database_owner_password_file, "ESCARCELLE_DATABASE_OWNER_PASSWORD_FILE", "",           \
      "file with the owner role's password")                                                       \
    X(text, database_password_file, "ESCARCELLE_DATABASE_PASSWORD_FILE", "",                       \
      "file with the application role's password")                                                 \
    X(number, database_port, "ESCARCELLE_DATABASE_PORT", "5432", "PostgreSQL port")                \
    X(text, database_user, "ESCARCELLE_DATABASE_USER", "",                                         \
      "application role; the service's name unless said")                                          \
    X(text, http_cert_file, "ESCARCELLE_HTTP_CERT_FILE", "",                                       \
      "gateway: TLS certificate chain (PEM)")                                                      \
    X(text, http_host, "ESCARCELLE_HTTP_HOST", "127.0.0.1", "gateway: address to listen on")       \
    X(text, http_key_file, "ESCARCELLE_HTTP_KEY_FILE", "", "gateway: TLS key (PEM)")               \
    X(number, http_port, "ESCARCELLE_HTTP_PORT", "8443", "gateway: port to listen on")             \
    X(text, keys_dir, "ESCARCELLE_KEYS_DIR", "/etc/escarcelle/keys",                               \
      "CURVE keys: <program>.public of all, <program>.secret of this one")                         \
    X(text, link_key_file, "ESCARCELLE_LINK_KEY_FILE", "",                                         \
      "key of the secret links this service makes")                                                \
    X(text, log_level, "ESCARCELLE_LOG_LEVEL", "info", "debug, info, warning or error")            \
    X(text, metrics_token_file, "ESCARCELLE_METRICS_TOKEN_FILE", "",                               \
      "gateway: token that /metrics asks for; none: open")                                         \
    X(number, request_timeout_ms, "ESCARCELLE_REQUEST_TIMEOUT_MS", "10000",                        \
      "gateway: time a request may take")                                                          \
    X(text, smtp_ca_file, "ESCARCELLE_SMTP_CA_FILE", "",                                           \
      "notifications: certificates trusted for SMTP")                                              \
    X(text, smtp_password_file, "ESCARCELLE_SMTP_PASSWORD_FILE", "",                               \
      "notifications: SMTP password")                                                              \
    X(text, smtp_url, "ESCARCELLE_SMTP_URL", "smtp://localhost:25",                                \
      "notifications: where mail goes")                                                            \
    X(text, smtp_user, "ESCARCELLE_SMTP_USER", "", "notifications: SMTP user")                     \
    X(number, wait_alarm_ms, "ESCARCELLE_WAIT_ALARM_MS", "60000",                                  \
      "how long an event may wait for another stream before administrators are told")              \
    X(number, workers_fast, "ESCARCELLE_WORKERS_FAST", "4", "workers of the fast lane per service")

struct config {
#define CONFIG_FIELD_number(field) int64_t field;
#define CONFIG_FIELD_text(field) const char *field;
#define CONFIG_MEMBER(kind, field, key, preset, help) CONFIG_FIELD_##kind(field)
    CONFIG_TABLE(CONFIG_MEMBER)
#undef CONFIG_MEMBER
};

/* The frozen configuration. */
extern struct config config;

/* Reads the environment; on a malformed or unknown ESCARCELLE_ key prints which and exits with 2.
 * */
void config_load(void);
/* Prints every key with its value, default and help. */
void config_print(void);
/* The first line of a file without its line end, in memory of the process (config_secret_free ends
 * it); exits with a sentence naming `key` when it can't be read. */
char *config_secret(const char *key, const char *path);

/* Wipes and frees what config_secret gave; NULL is nothing to free. */
void config_secret_free(char *secret);

#endif
