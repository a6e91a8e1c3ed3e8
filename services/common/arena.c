/* SPDX-License-Identifier: Apache-2.0
 * A bump allocator in chunks, with a cap on what it gives; knows nothing of what it holds. */
#include "arena.h"

#include "log.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

/* With ARENA_MALLOC_EACH no chunk has room for a second allocation and none outlives a reset, so
 * that AddressSanitizer sees every overflow and every use after the reset. */
#ifdef ARENA_MALLOC_EACH
enum { CHUNK_BYTES = 0, KEPT_BYTES_MAX = 0 };
#else
enum { CHUNK_BYTES = 16 << 10, KEPT_BYTES_MAX = 256 << 10 };
#endif

enum {
    RESERVE_BYTES = 64 << 10, /* beyond the cap, to tell that it was reached */
    BUFFER_BYTES_MIN = 256,
    ALIGNMENT = alignof(max_align_t)
};

struct chunk {
    struct chunk *next;
    size_t used, capacity;
    max_align_t bytes[];
};

struct deferred {
    struct deferred *next;
    void (*function)(void *);
    void *pointer;
};

struct arena {
    size_t bytes_max, reserve, used;
    struct chunk *chunks; /* in use, the one with room first */
    struct chunk *kept;   /* empty */
    struct deferred *deferred;
    bool can_jump;
    jmp_buf overflow;
    ProtobufCAllocator allocator;
};

static size_t
aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* A jump is good once: the handler of the overflow must not land in itself. */
static noreturn void
overflow(struct arena *arena, size_t size)
{
    if (!arena->can_jump)
        fatal("the memory of one call is used up: %zu bytes given, %zu more wanted", arena->used,
              size);
    arena->can_jump = false;
    arena->reserve = RESERVE_BYTES;
    longjmp(arena->overflow, 1);
}

static void *
protobuf_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void
protobuf_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

struct arena *
arena_new(size_t bytes_max)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (arena == NULL)
        fatal("no memory for an arena");
    arena->bytes_max = bytes_max;
    arena->allocator = (ProtobufCAllocator){protobuf_alloc, protobuf_free, arena};
    return arena;
}

static void
run_deferred(struct arena *arena)
{
    while (arena->deferred != NULL) {
        struct deferred *deferred = arena->deferred;

        arena->deferred = deferred->next;
        deferred->function(deferred->pointer);
    }
}

static void
free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void
arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    run_deferred(arena);
    free_chunks(arena->chunks);
    free_chunks(arena->kept);
    free(arena);
}

void
arena_reset(struct arena *arena)
{
    size_t kept_bytes = 0;

    run_deferred(arena);
    for (struct chunk *chunk = arena->kept; chunk != NULL; chunk = chunk->next)
        kept_bytes += chunk->capacity;
    while (arena->chunks != NULL) {
        struct chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        kept_bytes += chunk->capacity;
        if (kept_bytes > KEPT_BYTES_MAX) {
            kept_bytes -= chunk->capacity;
            free(chunk);
            continue;
        }
        chunk->used = 0;
        chunk->next = arena->kept;
        arena->kept = chunk;
    }
    arena->used = 0;
    arena->reserve = 0;
}

jmp_buf *
arena_overflow(struct arena *arena)
{
    arena->can_jump = true;
    return &arena->overflow;
}

void
arena_overflow_end(struct arena *arena)
{
    arena->can_jump = false;
}

static bool
has_room(const struct chunk *chunk, size_t size)
{
    size_t start = aligned(chunk->used);

    return start <= chunk->capacity && size <= chunk->capacity - start;
}

static struct chunk *
take_kept(struct arena *arena, size_t size)
{
    for (struct chunk **link = &arena->kept; *link != NULL; link = &(*link)->next) {
        struct chunk *chunk = *link;

        if (chunk->capacity < size)
            continue;
        *link = chunk->next;
        return chunk;
    }
    return NULL;
}

static struct chunk *
new_chunk(struct arena *arena, size_t size)
{
    size_t capacity = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct chunk *chunk = malloc(sizeof *chunk + capacity);

    if (chunk == NULL)
        overflow(arena, size);
    *chunk = (struct chunk){.capacity = capacity};
    return chunk;
}

/* Of the new chunk and the one in front, the one that has more room left is tried next. */
static struct chunk *
add_chunk(struct arena *arena, size_t size)
{
    struct chunk *front = arena->chunks;
    struct chunk *chunk = take_kept(arena, size);

    if (chunk == NULL)
        chunk = new_chunk(arena, size);
    if (front != NULL && front->capacity - front->used > chunk->capacity - size) {
        chunk->next = front->next;
        front->next = chunk;
    } else {
        chunk->next = front;
        arena->chunks = chunk;
    }
    return chunk;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    size_t limit = arena->bytes_max + arena->reserve;
    struct chunk *chunk = arena->chunks;
    size_t start;

    if (arena->used > limit || size > limit - arena->used)
        overflow(arena, size);
    if (chunk == NULL || !has_room(chunk, size))
        chunk = add_chunk(arena, size);
    start = aligned(chunk->used);
    chunk->used = start + size;
    arena->used += aligned(size);
    return memset((char *)chunk->bytes + start, 0, size);
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        overflow(arena, SIZE_MAX);
    return arena_alloc(arena, bytes);
}

char *
arena_strdup(struct arena *arena, const char *text)
{
    return arena_memdup(arena, text, strlen(text) + 1);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t length)
{
    size_t copied = strnlen(text, length);
    char *copy = arena_alloc(arena, copied + 1);

    memcpy(copy, text, copied);
    return copy;
}

void *
arena_memdup(struct arena *arena, const void *bytes, size_t length)
{
    void *copy = arena_alloc(arena, length);

    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

/* Bytes that the formatted text takes, without the NUL. */
static size_t __attribute__((format(printf, 1, 0)))
formatted_bytes(const char *format, va_list arguments)
{
    va_list again;
    int length;

    assert(format != NULL);
    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(length >= 0);
    return (size_t)length;
}

char *
arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    size_t length = formatted_bytes(format, arguments);
    char *text = arena_alloc(arena, length + 1);

    vsnprintf(text, length + 1, format, arguments);
    return text;
}

void
arena_defer(struct arena *arena, void (*function)(void *), void *pointer)
{
    struct deferred *deferred = arena_alloc(arena, sizeof *deferred);

    *deferred = (struct deferred){arena->deferred, function, pointer};
    arena->deferred = deferred;
}

ProtobufCAllocator *
arena_allocator(struct arena *arena)
{
    return &arena->allocator;
}

size_t
arena_used(const struct arena *arena)
{
    return arena->used;
}

void
buffer_init(struct buffer *buffer, struct arena *arena)
{
    *buffer = (struct buffer){
        .arena = arena,
        .bytes = arena_alloc(arena, BUFFER_BYTES_MIN),
        .capacity = BUFFER_BYTES_MIN,
    };
}

/* Room for `length` more bytes and the NUL. */
static void
grow(struct buffer *buffer, size_t length)
{
    size_t needed, capacity = buffer->capacity;
    char *bytes;

    if (__builtin_add_overflow(buffer->length + 1, length, &needed) || needed > SIZE_MAX / 2)
        overflow(buffer->arena, length);
    if (needed <= capacity)
        return;
    while (capacity < needed)
        capacity *= 2;
    bytes = arena_alloc(buffer->arena, capacity);
    memcpy(bytes, buffer->bytes, buffer->length);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
}

void
buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    grow(buffer, length);
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
}

void
buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void
buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = formatted_bytes(format, arguments);
    grow(buffer, length);
    vsnprintf(buffer->bytes + buffer->length, length + 1, format, arguments);
    va_end(arguments);
    buffer->length += length;
}
