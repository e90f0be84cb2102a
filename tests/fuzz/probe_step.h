/* Shared by the drivers of machines of probe/: one step of a machine, fed from the fuzzer's input. */
#ifndef SAPIPE_FUZZ_PROBE_STEP_H
#define SAPIPE_FUZZ_PROBE_STEP_H

#include <stdlib.h>

#include "ike/machine.h"
#include "probe/probe.h"
#include "wire/vid.h"
#include "must.h"

/* The next datagram: a length, then as many bytes. */
static inline struct span
next(struct span *in, uint8_t *buf, size_t cap, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t *cky_r)
{
	size_t len;

	if (in->len < 2)
		return (SPAN_NONE);
	len = get_be16(in->p) % cap;
	*in = span_of(in->p + 2, in->len - 2);
	len = len < in->len ? len : in->len;
	memcpy(buf, in->p, len);
	*in = span_of(in->p + len, in->len - len);
	if (len >= COOKIE_LEN)
		memcpy(buf, cky_i, COOKIE_LEN);
	if (len >= 2 * COOKIE_LEN && cky_r != NULL)
		memcpy(buf + COOKIE_LEN, cky_r, COOKIE_LEN);
	return (span_of(buf, len));
}

/* The ${n}-th of the initiator cookies that a machine serves, or zeros. */
struct pick { size_t n; uint8_t cky[COOKIE_LEN]; };

static inline void
pick_one(void *ctx, const uint8_t id[16])
{
	struct pick *p = ctx;

	if (p->n-- == 0)
		memcpy(p->cky, id, COOKIE_LEN);
}

/* One step of a machine: what is due, then a datagram of ${in} under one of its cookies. */
static inline void
step(struct ike_machine m, uint64_t now_ms, const struct endpoint *from, size_t n, struct span *in,
    uint8_t *buf, size_t cap)
{
	struct now now = now_at_us(now_ms * 1000);
	struct pick p = { .n = n };
	struct ike_outbox out = {0};

	machine_timeout(m, now, &out);
	m.ops->ids(m.self, pick_one, &p);
	if (in->len >= 2)
		machine_datagram(m, now, from, from, next(in, buf, cap, p.cky, NULL), &out);
	outbox_free(&out);
}

/* The deadline of ${m} in ms; UINT64_MAX: nothing is due. */
static inline uint64_t
deadline_ms(struct ike_machine m)
{
	uint64_t us = machine_deadline_us(m);

	return (us == UINT64_MAX ? us : us / 1000);
}

/* What the machines are told: what was offered, and to whom. */
static const struct endpoint us = { { 4, { 192, 0, 2, 1 }, 0 }, 500 }, peer = { { 4, { 192, 0, 2, 2 }, 0 }, 500 };

static inline struct probe_transform
offer(void)
{
	return ((struct probe_transform){ { alg_enc_word("aes128"), alg_hash_word("sha1"),
	    alg_group_word("modp1024") }, AUTH_PSK });
}

#endif
