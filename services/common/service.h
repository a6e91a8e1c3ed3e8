/* SPDX-License-Identifier: Apache-2.0
 * A service's program: parent, workers, courier, jobs. main.c is one struct and one call. */
#ifndef ESCARCELLE_SERVICE_H
#define ESCARCELLE_SERVICE_H

#include "call.h"
#include "ops.pb-c.h"

enum job_reason {
    JOB_TIMED, /* its period */
    JOB_WOKEN  /* and call_wake_jobs: in every child */
};

/* Work outside transactions: mail, PDF, schedules. Runs in the jobs child, again and again. */
struct job {
    const char *name;
    /* Does at most one piece of work, in transactions of its own (job_transaction). Returns whether
     * there was any: it is then called again at once. */
    bool (*run)(struct call *call);
    int period_ms; /* some child calls it as often */
    enum job_reason reason;
};

/* An embedded migration (generated from schema/NNN_verb_noun.sql). */
struct migration {
    const char *name, *text;
};

struct db_statement;

/* Writes events of any stream, in order, into the audit log, in the courier's transaction. */
typedef enum rpc_status event_recorder(struct call *call, Wire__Event *const *events, size_t count);

/* A restore, as `--restored` is told of it. */
struct restored {
    int64_t epoch;     /* that the stream begins; names the restore */
    const char *mails; /* file of Message-IDs that went out, one a line, or NULL */
};

/* What a service holds back after its database was restored, in the transaction that begins the epoch;
 * may add to what is told. */
typedef enum rpc_status restored_handler(struct call *call, const struct restored *restored,
                                         Ops__DatabaseRestored *event);

struct service {
    const struct rpc_service *rpc;
    const struct migration *migrations; /* ended by a NULL name; the common ones come first */
    const struct db_statement *queues;  /* name and depth of each queue of its own, or NULL */
    const struct job *jobs;             /* ended by a NULL name, or NULL */
    int jobs_children;                  /* processes that do the jobs side by side; 0: one */
    bool slow_worker;                   /* has methods in the slow lane */
    bool prompt;                        /* applies each event at once, as somebody waits for it */
    event_recorder *audit;              /* of the audit consumer (accounts only), else NULL */
    const struct db_statement
        *checks;                /* name of each check of its own, what is wrong or null; or NULL */
    restored_handler *restored; /* or NULL */
    /* Extra commands: `<program> --bootstrap-admin …`; returns the exit code. NULL: none. */
    int (*command)(struct call *call, int argc, char **argv);
    const char *command_help; /* a line of --help for each; or NULL */
};

/* `<program> [--help|--config|--check|--migrate|--join|--rebuild|--restored]`. Returns the exit code. */
int service_main(const struct service *service, int argc, char **argv);

/* Lets a call do what the contract says of this job: for commands; the jobs child does it by itself. */
void job_enter(struct call *call, const char *name);
/* Runs body in a transaction of its own with retry on serialization failure; commits on RPC_OK,
 * with the events that body emitted. For jobs and commands. */
enum rpc_status job_transaction(struct call *call,
                                enum rpc_status (*body)(struct call *call, void *state),
                                void *state) RPC_CHECKED;
#endif
