/* SPDX-License-Identifier: Apache-2.0
 * Memory of one call: everything is freed at once, nothing by itself. */
#ifndef ESCARCELLE_ARENA_H
#define ESCARCELLE_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

struct arena;

/* An empty arena that gives at most bytes_max between two resets. The caller frees it. */
struct arena *arena_new(size_t bytes_max);
/* Runs what was deferred, frees everything, then the arena itself. */
void arena_free(struct arena *arena);
/* Runs what was deferred, last first, and takes all memory back. */
void arena_reset(struct arena *arena);

/* Where to jump when the cap is reached; without it the process dies. The jump lands with 1 from
 * setjmp, once, and leaves 64 KiB beyond the cap to tell the failure. Set it once per call:
 * `if (setjmp(*arena_overflow(arena))) …`. */
jmp_buf *arena_overflow(struct arena *arena);
/* Forgets the jump: going over the cap is fatal again. */
void arena_overflow_end(struct arena *arena);

/* Zeroed memory, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* count × size, overflow-checked. */
void *arena_array(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
/* Copies, the texts with a NUL at their end. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *bytes, size_t length);
/* A formatted text. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Calls function(pointer) when the arena is reset; for what is not memory (PGresult, CURL, FILE).
 * */
void arena_defer(struct arena *arena, void (*function)(void *), void *pointer);

/* For protobuf-c: allocates here, frees nothing. Valid as long as the arena. */
ProtobufCAllocator *arena_allocator(struct arena *arena);
/* Bytes given since the last reset. */
size_t arena_used(const struct arena *arena);

/* A text or byte string that grows in an arena. `bytes` is always followed by a NUL. */
struct buffer {
    struct arena *arena;
    char *bytes;
    size_t length, capacity;
};

/* An empty text. */
void buffer_init(struct buffer *buffer, struct arena *arena);
/* Each appends; like all of the arena they never fail. */
void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
