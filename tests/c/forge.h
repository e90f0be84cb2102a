/*
 * A hostile peer by hand: messages with any payloads, in clear or under the keys of an SA, and a responder that counts
 * what it is made to send.
 */
#ifndef SAPIPE_TESTS_FORGE_H
#define SAPIPE_TESTS_FORGE_H

#include "ike/ike.h"
#include "wire/isakmp.h"

#define FORGE_MAX	8192	/* bytes of a message */

struct forged { uint8_t type; struct span body; };	/* a payload; type 0 ends a list */

/* A message in clear, its payloads as given, in ${buf} of FORGE_MAX bytes. */
struct span forge_clear(uint8_t *buf, const uint8_t cky_i[8], const uint8_t cky_r[8], uint8_t exchange,
    uint32_t mid, const struct forged *list);
/*
 * A message under the keys of ${s}, with HASH(1) as its first payload; ${spoil}: a wrong one. As the peer of ${s}
 * would send it under a new message ID.
 */
struct span forge_keyed(uint8_t *buf, const struct sa_ike *s, uint8_t exchange, uint32_t mid,
    const struct forged *list, bool spoil);

/* The first payload of ${type} in a message in clear: its body, to be read or changed. Empty: none. */
struct span forge_find(struct span message, uint8_t type, uint8_t **body);

/* What an engine did with a datagram. */
struct did {
	unsigned	datagrams, records, notes, warnings;
	unsigned	up, failed, gone, children;
	size_t		bytes;		/* of all datagrams */
	struct endpoint	to;		/* of the last datagram, and its bytes: */
	uint8_t		last[FORGE_MAX];
	size_t		last_len;
	struct fault	why;		/* of the last failure */
	char		note[256];	/* the last one */
};

/* One engine and its counts. */
struct lone {
	struct ike_policy	 policy;
	struct ike_engine	*engine;
	struct rand_seed	 seed;
	struct now		 now;
	struct endpoint		 at;
	struct did		 did;		/* of the last step */
};

/* ${policy} is copied; its secrets belong to the engine's owner from then on. */
void lone_init(struct lone *l, const struct ike_policy *policy, const struct endpoint *at, bool respond);
void lone_free(struct lone *l);
/* One datagram from ${from}; what is due until ${now.ms} + ${ms}. Both replace ${did}. */
void lone_put(struct lone *l, const struct endpoint *from, struct span message);
void lone_wait(struct lone *l, uint64_t ms);
/* Begins phase 1 with ${to}: the first message is in ${did}. */
void lone_connect(struct lone *l, const struct endpoint *to);

#endif
