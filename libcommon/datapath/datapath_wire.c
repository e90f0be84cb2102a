/*
 * The record of outer packets (--pcap): copies of what is received, since packets are opened in place, and
 * a comment on each that says what became of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define NON_IKE_MARKER	8
#define PROTO_UDP	17
#define PROTO_ESP	50

struct wire {
	struct recorder	 to;
	ev_io		 io;
	struct span	 copy[ESP_BATCH];	/* of the batch in hand, in ${room} */
	uint8_t		 room[ESP_BATCH][PKT_MAX];
};

/* The tunnel matters more than its record. */
static void
ends_here(struct datapath *dp, struct fault *f)
{
	size_t len = strlen(f->what);

	(void)snprintf(f->what + len, sizeof(f->what) - len, "; the capture ends here");
	dp_warn(dp, f);
}

static void
on_recorder(struct ev_loop *loop, ev_io *w, int revents)
{
	struct datapath *dp = w->data;
	struct fault f;

	(void)loop, (void)revents;
	if (recorder_broken(&dp->wire->to, &f) == 0)
		return;
	ev_io_stop(dp->loop, w);
	ends_here(dp, &f);
}

int
dp_wire_open(struct datapath *dp, int fd, struct fault *f)
{
	if ((dp->wire = calloc(1, sizeof(*dp->wire))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a record of packets"));
	if (recorder_open(&dp->wire->to, fd, f) != 0) {
		if (f->sys != ENOSPC && f->sys != EDQUOT)
			return (-1);
		ends_here(dp, f);
		return (0);
	}
	ev_io_init(&dp->wire->io, on_recorder, fd, EV_READ);
	dp->wire->io.data = dp;
	ev_io_start(dp->loop, &dp->wire->io);
	return (0);
}

void
dp_wire_close(struct datapath *dp)
{
	struct fault f;

	if (dp->wire == NULL)
		return;
	ev_io_stop(dp->loop, &dp->wire->io);
	if (dp->wire->to.lost > 0) {
		(void)fault(&f, FAULT_SYSTEM, "the capture lacks %llu packets: its disk did not keep up",
		    (unsigned long long)dp->wire->to.lost);
		dp_warn(dp, &f);
	}
	free(dp->wire);
	dp->wire = NULL;
}

bool
dp_wire_counts(const struct datapath *dp, uint64_t *sent, uint64_t *lost)
{
	if (dp->wire == NULL)
		return (false);
	*sent = dp->wire->to.sent;
	*lost = dp->wire->to.lost;
	return (true);
}

/* "received ESP 40a1b2c3 number 17 of berne, dropped: bad-icv" */
static void
describe(char out[RECORDER_COMMENT], const char *did, const struct esp_sa *sa, struct span esp,
    enum esp_verdict v)
{
	char name[SA_NAME + 8] = "", spi[40] = "";

	if (esp.len >= ESP_HDR)
		(void)snprintf(spi, sizeof(spi), " %08x number %u", get_be32(esp.p), get_be32(esp.p + 4));
	if (sa != NULL && sa->rec.name[0] != '\0')
		(void)snprintf(name, sizeof(name), " of %s", sa->rec.name);
	(void)snprintf(out, RECORDER_COMMENT, "%s ESP%s%s%s%s", did, spi, name,
	    v == ESP_OK ? "" : ", dropped: ", v == ESP_OK ? "" : esp_verdict_text(v));
}

void
dp_wire_sent(struct datapath *dp, const struct flow_pkt *const *k, size_t n)
{
	struct recorder_pkt p[ESP_BATCH];
	const struct esp_sa *sa;
	size_t i;

	if (n == 0 || dp->wire == NULL || dp->wire->to.fd == -1)
		return;
	for (i = 0; i < n; i++) {
		sa = k[i]->sa;
		p[i] = (struct recorder_pkt){ .time_us = now_epoch_us(clock_now(&dp->clock)), .way = PCAPNG_OUT,
		    .proto = sa->rec.encap == SA_ENCAP_NONE ? PROTO_ESP : PROTO_UDP,
		    .marker = sa->rec.encap == SA_ENCAP_UDP_DRAFT ? NON_IKE_MARKER : 0,
		    .src = sa->rec.local.at, .dst = sa->remote,
		    .data = span_of(k[i]->esp, k[i]->esp_len) };
		describe(p[i].comment, "sent", sa, p[i].data, ESP_OK);
	}
	recorder_put(&dp->wire->to, p, n);
}

void
dp_wire_copy(struct datapath *dp, const struct flow_pkt *k, struct came *c, size_t n)
{
	uint64_t now;

	if (dp->wire == NULL || dp->wire->to.fd == -1)
		return;
	now = now_epoch_us(clock_now(&dp->clock));
	for (size_t i = 0; i < n; i++) {
		if (c[i].time_us == 0)
			c[i].time_us = now;
		memcpy(dp->wire->room[i], k[i].esp, k[i].esp_len);
		dp->wire->copy[i] = span_of(dp->wire->room[i], k[i].esp_len);
	}
}

/* Whether the non-IKE marker stood before it: if its SA is not known, the port tells. */
static bool
was_marked(const struct flow_pkt *k, const struct came *c)
{
	return (k->sa != NULL ? k->sa->rec.encap == SA_ENCAP_UDP_DRAFT :
	    c->local.port == PORT_IKE_DEFAULT);
}

void
dp_wire_received(struct datapath *dp, const struct flow_pkt *k, const struct came *c, size_t from,
    size_t to, bool but_unknown)
{
	struct recorder_pkt p[ESP_BATCH];
	size_t i, m = 0;

	if (dp->wire == NULL || dp->wire->to.fd == -1)
		return;
	for (i = from; i < to; i++) {
		if (but_unknown && k[i].verdict == ESP_UNKNOWN_SPI)
			continue;
		p[m] = (struct recorder_pkt){ .time_us = c[i].time_us, .way = PCAPNG_IN,
		    .proto = c[i].udp ? PROTO_UDP : PROTO_ESP,
		    .marker = c[i].udp && was_marked(&k[i], &c[i]) ? NON_IKE_MARKER : 0,
		    .src = c[i].remote, .dst = c[i].local, .data = dp->wire->copy[i] };
		describe(p[m].comment, "received", k[i].sa, p[m].data, k[i].verdict);
		m++;
	}
	recorder_put(&dp->wire->to, p, m);
}
