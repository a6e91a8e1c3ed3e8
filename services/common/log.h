/* SPDX-License-Identifier: Apache-2.0
 * One JSON line per event of the program's life on stderr: time, level, program, role, message,
 * fields. */
#ifndef ESCARCELLE_LOG_H
#define ESCARCELLE_LOG_H

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARNING_, LOG_ERROR_ };

/* Names the program and the role in every line from now on. */
void log_open(const char *program, const char *role, const char *level);
/* Request id of the call being handled, in every line until it is NULL. */
void log_request(const char *request_id);
/* One line of JSON on stderr; log_debug and the others call it. errno stays as it was. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_write(LOG_DEBUG_, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO_, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING_, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR_, __VA_ARGS__)
/* Says why and exits with 1. Only before the loop starts. */
void fatal(const char *format, ...) __attribute__((__noreturn__, format(printf, 1, 2)));

#endif
