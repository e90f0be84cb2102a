/*
 * Many hosts that answer anything: each is decided exactly once, and an answer from another address decides nothing. The
 * first byte: bit 0, IKEv2 only; the rest is answers: host, delay, length (2 bytes), bytes. Cookies are put right.
 */
#include <stdlib.h>

#include "must.h"
#include "probe/sweep.h"

#define HOSTS	8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned	found[HOSTS];
	uint8_t		cky[HOSTS][COOKIE_LEN];
	const struct sweep_host *hosts;
};

static void
on_found(void *ctx, const struct sweep_found *what)
{
	struct seen *s = ctx;
	size_t i = (size_t)(what->host - s->hosts);

	must(i < HOSTS && s->found[i]++ == 0);
	must(what->v1 == NULL || what->what == SWEEP_IKEV1);
	must(what->v2 == NULL || what->what == SWEEP_IKEV2);
	must(what->v2 == NULL || (what->v2->n_transforms <= V2_TRANSFORMS_MAX && what->v2->n_vids <= V2_VIDS_MAX));
}

static int
fill(void *state, uint8_t *p, size_t n)
{
	uint8_t *next = state;

	for (; n > 0; n--)
		*p++ = (*next)++;
	return (0);
}

static void
take(struct seen *s, struct ike_outbox *out)
{
	struct ike_out *item;
	size_t i;

	while ((item = outbox_take(out)) != NULL) {
		if (item->kind == IKE_OUT_DATAGRAM) {
			i = item->dgram.remote.addr.b[3];
			must(i < HOSTS && item->dgram.len >= COOKIE_LEN);
			memcpy(s->cky[i], item->dgram.data, COOKIE_LEN);
		}
		ike_out_free(item);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sweep_host hosts[HOSTS];
	struct seen seen = { .hosts = hosts };
	uint8_t count = 1, buf[2048];
	struct ike_sweep_conf c = {
		.rand = { .fill = fill, .state = &count }, .n = HOSTS, .hosts = hosts, .gap_ms = 20, .timeout_ms = 400,
		.found = on_found, .ctx = &seen,
	};
	struct ike_outbox out = {0};
	struct now now = { .ms = 1000 };
	struct ike_machine m;
	struct ike_sweep *s;
	size_t i, len;

	if (size < 1)
		return (0);
	for (i = 0; i < HOSTS; i++)
		hosts[i] = (struct sweep_host){ { { .family = 4, .b = { 192, 0, 2, 200 } }, 500 },
		    { { .family = 4, .b = { 192, 0, 2, (uint8_t)i } }, 500 } };
	c.v2_only = (data[0] & 1) != 0;
	must((s = ike_sweep_new(&c, NULL)) != NULL);
	m = ike_sweep_machine(s);
	machine_timeout(m, now, &out);
	take(&seen, &out);
	for (data++, size--; size >= 4 && !machine_over(m); data += len, size -= len) {
		i = data[0] % HOSTS;
		now.ms += data[1];
		len = get_be16(data + 2) % sizeof(buf);
		data += 4;
		size -= 4;
		len = len < size ? len : size;
		memcpy(buf, data, len);
		if (len >= COOKIE_LEN)
			memcpy(buf, seen.cky[i], COOKIE_LEN);
		machine_datagram(m, now, &hosts[i].local, &hosts[(i + 1) % HOSTS].remote, span_of(buf, len), &out);
		must(seen.found[i] == 0 || ike_sweep_done(s) > 0);
		machine_datagram(m, now, &hosts[i].local, &hosts[i].remote, span_of(buf, len), &out);
		machine_timeout(m, now, &out);
		take(&seen, &out);
	}
	for (; !machine_over(m); now.ms += 100) {
		must(machine_deadline_us(m) != UINT64_MAX);
		machine_timeout(m, now, &out);
		take(&seen, &out);
	}
	for (i = 0; i < HOSTS; i++)
		must(seen.found[i] == 1);
	ike_sweep_free(s);
	return (0);
}
