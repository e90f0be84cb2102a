/* The counters of the data path as records. */
#include <stdio.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

_Static_assert(ESP_VERDICT_COUNT <= SA_DROPS_MAX, "a record has room for each reason");

/* Values of counters that never go back, at the last reset. */
struct dp_zero {
	struct esp_count in, out;
	uint64_t	 drops_in[ESP_VERDICT_COUNT], drops_out[ESP_VERDICT_COUNT];
	uint64_t	 remaps, cut, unsent, unwritten, pieces, believed, ignored;	/* of the data path as a whole */
};

/* Of ${count} and ${drops} what came after ${zero} and ${was}; both may be NULL. */
static void
count_put(struct sa_count *c, struct esp_count count, const uint64_t drops[ESP_VERDICT_COUNT],
    const struct esp_count *zero, const uint64_t *was)
{
	c->packets = count.packets - (zero != NULL ? zero->packets : 0);
	c->bytes = count.bytes - (zero != NULL ? zero->bytes : 0);
	for (int v = ESP_OK + 1; v < ESP_VERDICT_COUNT; v++) {
		uint64_t n = drops[v] - (was != NULL ? was[v] : 0);

		if (n == 0)
			continue;
		c->drops[c->n_drops].packets = n;
		(void)snprintf(c->drops[c->n_drops++].reason, SA_WORD, "%s", esp_verdict_text((enum esp_verdict)v));
	}
}

static size_t
selectors_put(struct selector to[SA_SELECTORS_MAX], const struct selector *from, size_t n)
{
	n = n < SA_SELECTORS_MAX ? n : SA_SELECTORS_MAX;
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
	return (n);
}

/* Epoch seconds of the monotonic ${ms}; 0 of 0. */
static uint64_t
epoch_of(struct now now, uint64_t ms)
{
	return (ms == 0 ? 0 : now.epoch - (now.ms - ms) / 1000);
}

struct tally
dp_tally(const struct datapath *dp)
{
	struct tally t = dp->worker.count;

	tally_add(&t, &dp->threads.packets.worker.count);
	tally_add(&t, &dp->threads.sender.worker.count);
	return (t);
}

void
dp_stat_seen(struct esp_pair *pair, uint64_t now_ms)
{
	struct own *own = pair->user;

	if (own->seen_in != (uint32_t)pair->in.count.packets) {
		own->seen_in = (uint32_t)pair->in.count.packets;
		own->last_in_ms = now_ms;
	}
	if (own->seen_out != (uint32_t)pair->out.count.packets) {
		own->seen_out = (uint32_t)pair->out.count.packets;
		own->last_out_ms = now_ms;
	}
}

void
dp_stat_sa(const struct datapath *dp, struct esp_pair *pair, struct sa_stat *s)
{
	struct now now = clock_now(&dp->clock);
	const struct own *own = pair->user;
	const struct dp_zero *z = own != NULL ? own->zero : NULL;

	*s = (struct sa_stat){ .use = pair->may_send ? SA_USE_BOTH : SA_USE_IN, .protocol = pair->in.protocol,
	    .mode = pair->in.mode, .encap = pair->in.encap, .local = pair->in.dst, .remote = pair->out.dst,
	    .established = pair->established, .expires = pair->expires, .mtu = pair->out.mtu,
	    .path_mtu = own != NULL ? own->path_mtu : 0 };
	(void)snprintf(s->name, sizeof(s->name), "%s", pair->name);
	memcpy(s->spi_in, pair->in.spi, sizeof(s->spi_in));
	memcpy(s->spi_out, pair->out.spi, sizeof(s->spi_out));
	s->n_local_ts = selectors_put(s->local_ts, pair->in.dst_ts, pair->in.n_dst_ts);
	s->n_remote_ts = selectors_put(s->remote_ts, pair->in.src_ts, pair->in.n_src_ts);
	count_put(&s->in, esp_sa_carried(&pair->in), esp_sa_drops(&pair->in), z != NULL ? &z->in : NULL, z != NULL ? z->drops_in : NULL);
	count_put(&s->out, esp_sa_carried(&pair->out), esp_sa_drops(&pair->out), z != NULL ? &z->out : NULL,
	    z != NULL ? z->drops_out : NULL);
	if (own == NULL)
		return;
	dp_stat_seen(pair, now.ms);
	s->in.last = epoch_of(now, own->last_in_ms);
	s->out.last = epoch_of(now, own->last_out_ms);
}

void
dp_stat_tun(const struct datapath *dp, struct sa_tun_stat *s)
{
	static const struct dp_zero nothing;
	const struct dp_zero *z = dp->zero != NULL ? dp->zero : &nothing;
	const struct tally t = dp_tally(dp);

	*s = (struct sa_tun_stat){ .time = clock_now(&dp->clock).epoch, .since = dp->since, .mtu = dp->mtu,
	    .sas = sadb_count(dp->db), .ever = dp->ever, .remaps = dp->remaps - z->remaps, .cut = t.cut - z->cut,
	    .unsent = t.unsent - z->unsent, .unwritten = t.unwritten - z->unwritten,
	    .fragmented = t.pieces - z->pieces, .believed = dp->path_mtus.believed - z->believed,
	    .forged = dp->path_mtus.ignored - z->ignored };
	(void)snprintf(s->tun, sizeof(s->tun), "%s", dp->tun.name);
	count_put(&s->in, t.in, t.drops_in, &z->in, z->drops_in);
	count_put(&s->out, t.out, t.drops_out, &z->out, z->drops_out);
}

/* Room for the values at a reset; NULL: no memory, and the counters go on. */
static struct dp_zero *
zero_new(struct dp_zero **at)
{
	if (*at == NULL)
		*at = calloc(1, sizeof(**at));
	return (*at);
}

void
dp_stat_reset_sa(struct esp_pair *pair)
{
	struct own *own = pair->user;
	struct dp_zero *z;

	if (own == NULL || (z = zero_new(&own->zero)) == NULL)
		return;
	z->in = esp_sa_carried(&pair->in);
	z->out = esp_sa_carried(&pair->out);
	memcpy(z->drops_in, esp_sa_drops(&pair->in), sizeof(z->drops_in));
	memcpy(z->drops_out, esp_sa_drops(&pair->out), sizeof(z->drops_out));
}

void
dp_stat_reset_tun(struct datapath *dp)
{
	const struct tally t = dp_tally(dp);
	struct dp_zero *z;

	if ((z = zero_new(&dp->zero)) == NULL)
		return;
	z->in = t.in;
	z->out = t.out;
	memcpy(z->drops_in, t.drops_in, sizeof(z->drops_in));
	memcpy(z->drops_out, t.drops_out, sizeof(z->drops_out));
	z->remaps = dp->remaps;
	z->cut = t.cut;
	z->unsent = t.unsent;
	z->unwritten = t.unwritten;
	z->pieces = t.pieces;
	z->believed = dp->path_mtus.believed;
	z->ignored = dp->path_mtus.ignored;
	dp->since = clock_now(&dp->clock).epoch;
}
