/* SPDX-License-Identifier: Apache-2.0
 * What the couriers call instead of the clock, the kernel and other parts of the runtime. */
#include "simulation.h"

#include "log.h"

#include <inttypes.h>
#include <stdlib.h>

bool event_is_emitted;
static uint64_t uuids;

int64_t __wrap_clock_ms(void);
int __wrap_zmq_poll(zmq_pollitem_t *items, int count, long timeout);
void __wrap_wake(int descriptor);
void __wrap_wake_clear(int descriptor);
void __wrap_uuid_new(char out[37]);
void __wrap_log_write(enum log_level level, const char *format, ...);
void __wrap_instance_tell(struct courier *courier, int64_t now);
void __wrap_instance_end(struct courier *courier, int64_t now);
struct db *__wrap_service_database(const struct service *service);

int64_t
__wrap_clock_ms(void)
{
    return now_ms();
}

/* The courier's one wait. */
int
__wrap_zmq_poll(zmq_pollitem_t *items, int count, long timeout)
{
    (void)count;
    acting->polling = true;
    acting->poll_until_ms = now_ms() + timeout;
    give_way();
    items[0].revents = acting->woken ? ZMQ_POLLIN : 0;
    return acting->woken || network_has_for(acting, host_is_asking(acting));
}

void
__wrap_wake(int descriptor)
{
    (void)descriptor;
}

void
__wrap_wake_clear(int descriptor)
{
    (void)descriptor;
    acting->woken = false;
}

/* Events are numbered; whoever else needs a name gets one. */
void
__wrap_uuid_new(char out[37])
{
    if (event_is_emitted)
        snprintf(out, 37, "00000000-0000-7000-8000-%012x", (unsigned)fates_count++);
    else
        snprintf(out, 37, "00000000-0000-7000-b000-%012" PRIx64, ++uuids);
}

void
__wrap_log_write(enum log_level level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    if (getenv("SIMULATION_LOG") == NULL)
        return;
    va_start(arguments, format);
    printf("%6" PRId64 " %d %s: ", now_ms(), acting == NULL ? -1 : acting->number,
           acting == NULL ? "" : service_names[acting->service]);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void
__wrap_instance_tell(struct courier *courier, int64_t now)
{
    courier->tell_at = now + 60000;
}

void
__wrap_instance_end(struct courier *courier, int64_t now)
{
    (void)courier, (void)now;
}

struct db *
__wrap_service_database(const struct service *service)
{
    acting->db = db_new(service->rpc->name, false);
    return acting->db;
}
