/*
 * The capture of outer packets (--pcap): copies received packets, since they are opened in place, and
 * comments each with its verdict.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define COPY_MAX	(PKT_MAX + 64)	/* with the IP header of AH */

struct wire {
	struct recorder	 to;
	ev_io		 io;
	struct pkt	 copy[ESP_BATCH];	/* of the batch in hand, in ${room} */
	uint8_t		 room[ESP_BATCH][COPY_MAX];
};

/* A capture that fails does not end the tunnel. */
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
describe(char out[RECORDER_COMMENT], const char *did, const struct pkt *k, const struct esp_sa *sa, unsigned v)
{
	const char *why = esp_verdict_text((enum esp_verdict)v);
	char name[SA_NAME + 8] = "", spi[40] = "";
	bool ah = k->proto == RAWESP_AH;
	const uint8_t *at = k->p + (ah ? 4 : 0);	/* SPI and number */

	if (k->len >= (ah ? 4 + ESP_HDR : ESP_HDR))
		(void)snprintf(spi, sizeof(spi), " %08x number %u", get_be32(at), get_be32(at + 4));
	if (sa != NULL && sa->pair->name[0] != '\0')
		(void)snprintf(name, sizeof(name), " of %s", sa->pair->name);
	(void)snprintf(out, RECORDER_COMMENT, "%s %s%s%s%s%s%s", did, ah ? "AH" : "ESP", spi, name,
	    k->proto == IPPROTO_TCP ? " in TCP" : "",
	    v == ESP_OK ? "" : ", dropped: ", v == ESP_OK ? "" : why);
}

void
dp_wire_sent(struct datapath *dp, struct pkt *k, size_t n)
{
	char comments[ESP_BATCH][RECORDER_COMMENT];
	const struct pkt *p[ESP_BATCH];

	if (n == 0 || dp->wire == NULL || dp->wire->to.fd == -1)
		return;
	for (size_t i = 0; i < n; i++) {
		k[i].time_us = now_epoch_us(clock_now(&dp->clock));
		describe(comments[i], "sent", &k[i], k[i].sa, ESP_OK);
		p[i] = &k[i];
	}
	recorder_put(&dp->wire->to, PCAPNG_OUT, p, comments, n);
}

void
dp_wire_copy(struct datapath *dp, struct pkt *k, size_t n)
{
	struct pkt *copy;
	uint64_t now;

	if (dp->wire == NULL || dp->wire->to.fd == -1)
		return;
	now = now_epoch_us(clock_now(&dp->clock));
	for (size_t i = 0; i < n; i++) {
		if (k[i].time_us == 0)
			k[i].time_us = now;
		copy = &dp->wire->copy[i];
		*copy = k[i];
		if (copy->net + copy->len > COPY_MAX)
			copy->len = COPY_MAX - copy->net;	/* net is an IP header's at most */
		memcpy(dp->wire->room[i], k[i].p - copy->net, copy->net + copy->len);
		copy->p = dp->wire->room[i] + copy->net;
	}
}

void
dp_wire_received(struct datapath *dp, const struct pkt *k, size_t from, size_t to, bool but_unknown)
{
	char comments[ESP_BATCH][RECORDER_COMMENT];
	const struct pkt *p[ESP_BATCH];
	size_t m = 0;

	if (dp->wire == NULL || dp->wire->to.fd == -1)
		return;
	for (size_t i = from; i < to; i++) {
		if (but_unknown && k[i].verdict == ESP_UNKNOWN_SPI)
			continue;
		describe(comments[m], "received", &dp->wire->copy[i], k[i].sa, k[i].verdict);
		p[m++] = &dp->wire->copy[i];
	}
	recorder_put(&dp->wire->to, PCAPNG_IN, p, comments, m);
}
