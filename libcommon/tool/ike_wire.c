/* Prints and records the messages of a negotiator (--explain, --pcap). */
#include "tool/ike_wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "trace/dissect.h"
#include "capture/pcapng.h"

#define HELD_MAX	4	/* messages that wait for their keys to be explained */

/* A message to be explained later: it is the first encrypted one, and the keys are not yet known. */
struct held {
	bool		out;
	struct v1_seen	seen;
	struct bytes	data;
};

struct ike_wire {
	struct sa_set	*keys;
	struct pcapng	*pcap;		/* NULL: none, or it broke */
	struct v1_trace	*to_pcap;	/* of the file: comments are written at once */
	struct v1_trace	*explain;	/* of the explanation: may be delayed. NULL: not requested */
	uint64_t	 n;
	size_t		 n_held;
	struct held	 held[HELD_MAX];
};

struct ike_wire *
ike_wire_open(const char *pcap, bool explain, struct fault *f)
{
	struct ike_wire *w;

	*f = (struct fault){0};
	if (pcap == NULL && !explain)
		return (NULL);
	if ((w = calloc(1, sizeof(*w))) == NULL || (w->keys = sa_set_new()) == NULL ||
	    (explain && (w->explain = v1_trace_new(w->keys)) == NULL) ||
	    (pcap != NULL && (w->to_pcap = v1_trace_new(w->keys)) == NULL)) {
		(void)fault(f, FAULT_MEMORY, "no memory for a record of messages");
		goto fail;
	}
	if (pcap != NULL && strcmp(pcap, "-") == 0) {
		(void)fault(f, FAULT_USAGE, "--pcap: standard output is for SA state");
		goto fail;
	}
	if (pcap != NULL && (w->pcap = pcapng_open(pcap, prog_name(), f)) == NULL)
		goto fail;
	if (pcap != NULL)
		report_open_file(pcap, pcapng_wide_mode(w->pcap));
	return (w);
fail:
	ike_wire_close(w);
	return (NULL);
}

void
ike_wire_close(struct ike_wire *w)
{
	if (w == NULL)
		return;
	ike_wire_flush(w);
	pcapng_close(w->pcap);
	v1_trace_free(w->to_pcap);
	v1_trace_free(w->explain);
	sa_set_free(w->keys);
	free(w);
}

/* --- the capture --- */

/* If the kernel chose the address, use an all-zero address of the same family. */
static struct endpoint
own(const struct host_dgram *d)
{
	struct endpoint e = d->local;

	if (e.addr.family == 0)
		e.addr.family = d->remote.addr.family;
	return (e);
}

static void
record_dgram(struct ike_wire *w, const struct host_dgram *d, const struct v1_seen *seen)
{
	static const uint8_t marker[4];
	struct endpoint src = seen->src, dst = seen->dst;
	char label[V1_LABEL], text[V1_LABEL + 40];
	struct v1_told m;
	struct fault f;

	if (d->data.len == 1)
		(void)snprintf(label, sizeof(label), "NAT keepalive");
	else if (v1_trace_take(w->to_pcap, seen, &m, &f) == 0)
		(void)v1_told_label(label, sizeof(label), &m);
	else
		(void)snprintf(label, sizeof(label), "%s", f.what);
	(void)snprintf(text, sizeof(text), "%s %s", d->out ? "sent" : "received", label);
	/* The UDP datagram that is inside of the TCP segment. */
	if (d->tcp) {
		src.port = dst.port = PORT_IKE_DEFAULT;
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ", in TCP");
	}
	if (pcapng_put_udp(w->pcap, d->time_us, d->out ? PCAPNG_OUT : PCAPNG_IN, &src,
	    &dst, span_of(marker, d->marker ? 4 : 0), d->data, text, &f) == 0 ||
	    f.code == FAULT_TOO_LARGE)
		return;
	/* The tunnel matters more than its record. */
	report_warn("%s; the capture ends here", f.what);
	pcapng_close(w->pcap);
	w->pcap = NULL;
}

/* --- the tale --- */

static void
tell_payload(const struct v1_told *m, size_t i)
{
	char words[V1_WORDS], name[NUM_TEXT], *line, *end;
	const char *type = isakmp_payload_name(v1_payload_meant(m->msg.pl[i].type,
	    m->msg.hdr.exchange), name);

	(void)v1_told_verdict(words, sizeof(words), m, i, false);
	for (line = words; *line != '\0'; line = end + 1) {
		end = line + strcspn(line, "\n");
		report_say(0, "     %-7s %.*s", line == words ? type : "", (int)(end - line), line);
		if (*end == '\0')
			break;
	}
}

static void
tell(struct ike_wire *w, const struct v1_seen *seen, bool out)
{
	static struct v1_told m;
	char label[V1_LABEL], l[ENDPOINT_TEXT];
	const char *story;
	struct fault f;
	size_t i;

	/* Limits output for received messages, because anyone can send them; our own are limited elsewhere. */
	if (!out && !report_allow(&m))
		return;
	if (v1_trace_take(w->explain, seen, &m, &f) != 0) {
		report_say(0, "<- %s: %s", endpoint_text(l, &seen->src), f.what);
		return;
	}
	if (m.moved)
		report_say(0, "both ends change ports: NAT traversal begins");
	report_say(0, "%s %s %s", out ? "->" : "<-", endpoint_text(l, out ? &seen->dst : &seen->src),
	    v1_told_label(label, sizeof(label), &m));
	if ((story = v1_told_story(&m)) != NULL)
		report_say(0, "     (%s)", story);
	if (!m.readable && m.open == V1_OPEN_CLEAR && m.again_of == 0)
		report_say(0, "     unreadable: %s", m.why.what);
	for (i = 0; i < m.msg.n; i++)
		tell_payload(&m, i);
}

void
ike_wire_flush(struct ike_wire *w)
{
	size_t i;

	for (i = 0; w != NULL && i < w->n_held; i++) {
		tell(w, &w->held[i].seen, w->held[i].out);
		bytes_free(&w->held[i].data);
	}
	if (w != NULL)
		w->n_held = 0;
}

/* An encrypted message of phase 1, sent before this end has recorded its keys: it can be explained in full soon. */
static bool
waits_for_keys(const struct ike_wire *w, const struct v1_seen *seen)
{
	struct isakmp_hdr h;
	uint8_t id[2 * COOKIE_LEN];

	if (isakmp_hdr_get(&h, seen->data, NULL) != 0 || h.mid != 0 ||
	    (h.flags & ISAKMP_FLAG_ENCRYPTED) == 0)
		return (false);
	memcpy(id, h.cky_i, COOKIE_LEN);
	memcpy(id + COOKIE_LEN, h.cky_r, COOKIE_LEN);
	return (sa_set_ike(w->keys, id) == NULL);
}

static void
explain_dgram(struct ike_wire *w, const struct host_dgram *d, const struct v1_seen *seen)
{
	struct held *h;

	if (d->data.len == 1)
		return;
	if (d->out && w->n_held < HELD_MAX && waits_for_keys(w, seen)) {
		h = &w->held[w->n_held];
		if (bytes_set(&h->data, seen->data) == 0) {
			h->out = d->out;
			h->seen = *seen;
			h->seen.data = bytes_span(&h->data);
			w->n_held++;
			return;
		}
	}
	ike_wire_flush(w);
	tell(w, seen, d->out);
}

/* --- received messages --- */

void
ike_wire_dgram(struct ike_wire *w, const struct host_dgram *d)
{
	struct endpoint local;
	struct v1_seen seen;

	if (w == NULL)
		return;
	local = own(d);
	seen = (struct v1_seen){
		.number = ++w->n, .src = d->out ? local : d->remote,
		.dst = d->out ? d->remote : local, .data = d->data, .epoch = d->time_us / 1000000,
	};
	if (w->pcap != NULL)
		record_dgram(w, d, &seen);
	if (w->explain != NULL)
		explain_dgram(w, d, &seen);
}

/* A delete does not remove the keys here: the message that caused it is still to be explained. */
void
ike_wire_record(struct ike_wire *w, const struct sa_rec *rec)
{
	if (w == NULL || rec->type != SA_IKE)
		return;
	/* A resident tool makes them for years. */
	(void)sa_set_expire(w->keys, rec->ike.established, NULL, NULL);
	(void)sa_set_apply(w->keys, 0, rec, NULL, NULL, NULL);
}
