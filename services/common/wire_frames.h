/* SPDX-License-Identifier: Apache-2.0
 * The frames between programs and brokers: the Majordomo Protocol (ZeroMQ RFC 18) with one fixed
 * first frame, so that a hop costs three frames at most. Brokers and wire_*.c only.
 *
 * Every message is [control] or [control][header][body]; on the broker's ROUTERs the peer's routing id
 * comes first. The control frame, integers in network order:
 *
 *     bytes 0-3   "ESC1": protocol and version
 *     byte  4     command
 *     bytes 5-12  number
 *     bytes 13-16 argument
 *     bytes 17-   text: printable ASCII, at most CONTROL_TEXT_MAX bytes
 *
 *     command      from    number            argument       text              header, body
 *     on the clients' socket
 *     REQUEST      asker   tag               remaining ms   service.lane      yes
 *     REPLY        broker  tag                                                yes
 *     UNAVAILABLE  broker  tag               UNAVAILABLE_…  why               no
 *     LOST         broker  tag                              why               no
 *     PING         asker                                                      no
 *     PONG         broker  its run           PONG_STOPPING  names with workers no
 *     on the workers' socket
 *     READY        worker  registration,     credit (0: no  service.lane      no
 *                          handled           more, please),
 *                                            READY_ANSWER
 *     FORWARD      broker  registration,     remaining ms   sender (stamped)  yes
 *                          serial
 *     DONE         worker  as in FORWARD                                      yes, or no: no answer
 *     ALIVE        broker  registration, 0   credit known                     no
 *     LEAVE        either                    of a worker:                     no
 *                                            brokers it knows
 *
 * registration (high 32 bits) is the broker's random name for one worker's stay; serial counts the
 * requests of that stay, handled the ones that are over, so that a lost one is noticed. ALIVE answers
 * a READY that asks for it, or that does not know its registration. PONG's names are separated and
 * surrounded by spaces; its number is random for each run of the broker, so that an asker learns that what
 * the run before had in hand is lost. A request for service "mmi.service" (RFC 8) names a service in its body and is
 * answered "200" or "404" there; one for "mmi.report" is answered by the broker with a wire.ReplyHeader and an
 * ops.ListServicesReply.
 *
 * A publication is [topic ":" kind][body], kind 'E' or 'H'. */
#ifndef ESCARCELLE_WIRE_FRAMES_H
#define ESCARCELLE_WIRE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

enum {
    CONTROL_HEAD_BYTES = 17,
    CONTROL_TEXT_MAX = 1000,
    CONTROL_BYTES_MAX = CONTROL_HEAD_BYTES + CONTROL_TEXT_MAX,
    TOPIC_BYTES_MAX = 64,
    FRAMES_MAX = 4, /* routing id, control, header, body */
};

enum command {
    COMMAND_REQUEST = 1,
    COMMAND_REPLY,
    COMMAND_UNAVAILABLE,
    COMMAND_PING,
    COMMAND_PONG,
    COMMAND_LOST,
    COMMAND_READY = 16,
    COMMAND_FORWARD,
    COMMAND_DONE,
    COMMAND_ALIVE,
    COMMAND_LEAVE,
};

/* The argument of READY. */
enum { READY_CREDIT = 0xff, READY_ANSWER = 0x100 };

/* The argument of UNAVAILABLE: 0, or why another broker may take the request all the same. */
enum { UNAVAILABLE_STOPPING = 1, UNAVAILABLE_WORKERLESS };

/* The argument of PONG. */
enum { PONG_STOPPING = 1 };

struct control {
    enum command command;
    uint64_t number;
    uint32_t argument;
    char text[CONTROL_TEXT_MAX + 1];
};

/* out has CONTROL_BYTES_MAX; text may be NULL. Returns the length. */
size_t control_encode(uint8_t *out, enum command command, uint64_t number, uint32_t argument,
                      const char *text);
/* False for whatever is not exactly a control frame. */
bool control_decode(const void *bytes, size_t length, struct control *control);

/* registration and serial (or handled) in one number. */
uint64_t stay_number(uint32_t registration, uint32_t count);
uint32_t stay_registration(uint64_t number);
uint32_t stay_count(uint64_t number);

/* Splits "accounts:E" into topic and kind; false if it is not of that form. */
bool topic_split(const void *bytes, size_t length, char topic[TOPIC_BYTES_MAX + 1], char *kind);

/* One whole message. Frames beyond FRAMES_MAX are counted but not kept. */
struct frames {
    zmq_msg_t frames[FRAMES_MAX];
    size_t kept, count;
};

/* Receives without waiting; false when nothing is there. The caller ends it with frames_close. */
bool frames_receive(void *socket, struct frames *frames);
/* Frees the frames that are still there. */
void frames_close(struct frames *frames);
/* The program that CURVE proved to be at the other end, "" without. Valid until frames_close. */
const char *frames_sender(struct frames *frames);

#endif
