/*
 * Packets from the device to the wire. All packets of a turn are built one behind another in one buffer and sealed
 * together; those of one SA and length are then one datagram for the kernel to cut (UDP_SEGMENT). Nothing waits for
 * company: what the device has is sent.
 */
#include <errno.h>
#include <netinet/in.h>

#include "datapath/datapath_priv.h"
#include "datapath/segment.h"
#include "esp/cut.h"
#include "net/fragments.h"

#define TURN_BYTES	(256 * 1024)	/* read before others have their turn, and to the end of the round */
#define TURN_PACKETS	256
#define SHARE_BYTES	(32 * 1024)	/* of one queue in a round, or one super-packet */
#define SHARE_PACKETS	64
#define MOST_BYTES	(192 * 1024)	/* ... with the rest of datagrams in fragments */
#define MOST_PACKETS	256
#define AHEAD		8	/* packets that are read one by one before the first is looked up, with many SAs (flow_expect()) */
#define JOINED_MAX	64		/* segments of a datagram: UDP_MAX_SEGMENTS of older kernels */

/* ---- what is sent */

/* Answers a packet that is too big. */
static void
answer_toobig(struct datapath *dp, const uint8_t *p, size_t len, size_t fit)
{
	uint8_t out[TOOBIG_MAX];
	struct pkt t = { .p = out };
	struct inner in;

	if (inner_parse(&in, p, len) != 0)
		return;
	t.inner_len = inner_toobig(out, p, &in, fit);
	if (t.inner_len > 0 && tun_write_one(&dp->tun, &t) == 0)
		dp_worker(dp)->count.icmp++;
}

/* The kernel accepted ${n} packets. */
static void
sent(struct datapath *dp, struct pkt *k, size_t n)
{
	dp_wire_sent(dp, k, n);
	for (size_t i = 0; i < n; i++) {
		dp_worker(dp)->count.out.packets++;
		dp_worker(dp)->count.out.bytes += k[i].inner_len;
	}
}

/* The kernel refused ${n}, with errno ${err}: as if the network had lost them. */
static void
unsent(struct datapath *dp, struct pkt *k, size_t n, int err)
{
	char to[ADDR_TEXT];
	struct fault f;

	for (size_t i = 0; i < n; i++) {
		dp_worker(dp)->count.unsent++;
		esp_sa_lost(k[i].sa, k[i].inner_len);
	}
	if (err != EPERM || dp->barred)
		return;
	dp->barred = true;
	(void)fault(&f, FAULT_PERMISSION, "a packet filter of this machine drops what esp-tun sends to %s (EPERM)",
	    addr_text(to, &k->remote.addr));
	dp_warn(dp, &f);
}

static void
send_raw(struct datapath *dp, struct pkt *k, size_t n)
{
	size_t i, done;

	for (i = 0; i < n; i += done) {
		errno = 0;
		done = rawesp_send(&dp->raw, k + i, n - i);
		if (done > 0) {
			sent(dp, k + i, done);
			continue;
		}
		if (errno == EMSGSIZE)
			dp->mtu_ms = 0;	/* the interface has become narrower */
		if (errno == EMSGSIZE && k[i].df) {
			k[i].df = false;
			continue;
		}
		unsent(dp, k + i, 1, errno);
		done = 1;
	}
}

/* Whether ${k}, sealed right behind ${last}, can be a segment of ${whole}, which begins with ${first}. */
static bool
joins(const struct pkt *whole, const struct pkt *first, const struct pkt *last, const struct pkt *k)
{
	return (k->verdict == ESP_OK && k->sa == first->sa && k->tos == first->tos && k->df == first->df && last->p + last->len == k->p &&
	    last->len == first->len && k->len <= first->len && whole->len + k->len <= JOINED_BYTES &&
	    last - first + 1 < JOINED_MAX);
}

/* Whether the packets of ${k} can be segments at all: the kernel cuts no segment to fragments, and adds no marker. */
static bool
segments(const struct pkt *k)
{
	return (k->proto == IPPROTO_UDP && k->marker == 0 && (k->sa->mtu == 0 || k->inner_len <= k->sa->mtu));
}

static void
send_port(struct datapath *dp, struct pkt *k, size_t n)
{
	struct pkt whole[ESP_BATCH], *w;
	size_t from[ESP_BATCH + 1], m = 0, i, done;
	struct fault f;

	for (i = 0; i < n; m++) {
		from[m] = i;
		w = &whole[m];
		*w = k[i++];
		for (; i < n && segments(&k[from[m]]) && joins(w, &k[from[m]], &k[i - 1], &k[i]); i++) {
			w->seg = (uint16_t)k[from[m]].len;
			w->len += k[i].len;
		}
	}
	from[m] = n;
	for (i = 0; i < m; i += done) {
		f.sys = 0;
		done = dp->ports != NULL ? ports_send_esp(dp->ports, whole + i, m - i, &f) : 0;
		if (done > 0) {
			sent(dp, k + from[i], from[i + done] - from[i]);
			continue;
		}
		if (dp->ports != NULL && f.code == FAULT_TOO_LARGE)
			dp->mtu_ms = 0;	/* the interface has become narrower */
		if (dp->ports != NULL && f.code == FAULT_TOO_LARGE && whole[i].df) {
			whole[i].df = false;
			continue;
		}
		unsent(dp, k + from[i], from[i + 1] - from[i], f.sys);
		done = 1;
	}
}

/* Sends sealed packets, in order, in runs of one transport and family. */
static void
send_all(struct datapath *dp, struct pkt *pkts, size_t n)
{
	size_t from, to;

	for (from = 0; from < n; from = to) {
		const struct pkt *first = &pkts[from];

		for (to = from; to < n && pkts[to].verdict == ESP_OK && pkts[to].proto == first->proto &&
		    pkts[to].remote.addr.family == first->remote.addr.family; to++)
			;
		if (to == from)
			to++;		/* this one was dropped */
		else if (first->proto == IPPROTO_UDP || first->proto == IPPROTO_TCP)
			send_port(dp, &pkts[from], to - from);
		else
			send_raw(dp, &pkts[from], to - from);
	}
}

/* ---- the batch */

static void
drop(struct datapath *dp, struct pkt *k, enum esp_verdict v)
{
	k->verdict = v;
	dp_worker(dp)->count.drops_out[v]++;
	flow_drop(k);
}

/* Seals and sends what has been built. */
void
dp_out_flush(struct datapath *dp)
{
	struct worker *w = dp_worker(dp);
	size_t n = w->n_out, i;

	w->n_out = w->out_used = 0;
	if (n == 0)
		return;
	esp_seal(w->esp, w->out_pkts, w->out_in, n);
	for (i = 0; i < n; i++)
		if (w->out_pkts[i].verdict != ESP_OK)
			drop(dp, &w->out_pkts[i], w->out_pkts[i].verdict);
	send_all(dp, w->out_pkts, n);
}

/*
 * The place of a packet of ${len} bytes with the SA and values of ${k}: right behind the one before, so that sealed
 * packets have no gap between them. AH has its IP header before it, and needs more room.
 */
static struct pkt *
place(struct datapath *dp, const struct pkt *k, const struct inner *in, size_t len)
{
	struct worker *w = dp_worker(dp);
	const struct esp_sa *sa = k->sa;
	bool apart = sa->protocol == SA_AH || esp_sa_around(sa) != NULL;
	size_t skip = sa->mode == SA_TUNNEL ? 0 : in->l4, head = apart ? ESP_HEADROOM : esp_xf_head(&sa->xf) - skip;
	size_t room = apart ? ESP_HEADROOM + len + ESP_TAILROOM : esp_xf_len(&sa->xf, len - skip);
	struct pkt *o;

	if (w->n_out == ESP_BATCH || w->out_used + room > WORKER_OUT)
		dp_out_flush(dp);
	o = &w->out_pkts[w->n_out];
	*o = (struct pkt){ .buf = w->built + w->out_used, .cap = room, .len = len, .sa = k->sa, .tos = k->tos, .fit = k->fit,
	    .df = k->df };
	o->p = o->buf + head;	/* in transport mode the header before the payload is not kept: it may be in front of ${buf} */
	w->out_in[w->n_out] = *in;
	w->out_in[w->n_out].len = len;
	return (o);
}

/*
 * The same, with a number: of the SA of ${k}, or of a newer one, which ${k} has then, where that one may send no more. A
 * super-packet can use the last bytes of an SA's volume.
 */
static enum esp_verdict
place_numbered(struct datapath *dp, struct pkt *k, const struct inner *in, size_t len, struct pkt **o)
{
	enum esp_verdict v;

	do {
		*o = place(dp, k, in, len);
		v = flow_number(dp->db, *o, in->df);
	} while (v != ESP_OK && flow_again(dp->db, k, in, v) == ESP_OK);
	return (v);
}

/* The packet in ${o} is part of the batch. */
static void
keep(struct worker *w, const struct pkt *o)
{
	w->n_out++;
	w->out_used += o->cap;
}

/*
 * The packet ${p}, which may be fragmented, in pieces that fit the SA of ${k}: fragments inside of the tunnel, so that
 * outer packets need none.
 */
static enum esp_verdict
out_pieces(struct datapath *dp, struct pkt *k, const uint8_t *p, const struct inner *in)
{
	enum esp_verdict v;
	struct cutter c;
	struct pkt *o;
	size_t len;

	if (cut_begin(&c, p, in, k->sa->mtu) != 0)
		return (ESP_FAILED);
	dp_worker(dp)->count.pieces++;
	for (size_t done = 0; (len = cut_len(&c)) > 0; done++) {
		if ((v = place_numbered(dp, k, in, len, &o)) != ESP_OK)
			return (done > 0 && flow_waits(v) ? ESP_NO_SA : v);	/* the rest cannot wait for another SA */
		cut_put(&c, o->p);
		keep(dp_worker(dp), o);
	}
	return (ESP_OK);
}

/* The packet ${p}, parsed into ${in}, with the SA of ${k}. */
static enum esp_verdict
out_whole(struct datapath *dp, struct pkt *k, const uint8_t *p, const struct inner *in)
{
	enum esp_verdict v;
	struct pkt *o;
	size_t skip;

	if (k->sa->mode == SA_TUNNEL && cut_needed(in, k->sa->mtu))
		return (out_pieces(dp, k, p, in));
	if ((v = place_numbered(dp, k, in, in->len, &o)) == ESP_OK) {
		skip = k->sa->mode == SA_TUNNEL || k->sa->protocol == SA_AH ? 0 : in->l4;
		memcpy(o->p + skip, p + skip, in->len - skip);
		keep(dp_worker(dp), o);
	} else if (v == ESP_TOO_BIG)
		answer_toobig(dp, p, in->len, k->fit);
	return (v);
}

/* The packet ${p} on its way to the SA of ${k} waits for a new one, see dp_wait(). */
static bool
wait_one(struct datapath *dp, const struct pkt *k, const uint8_t *p, size_t len)
{
	struct pkt one = { .p = (uint8_t *)(uintptr_t)p, .len = len, .csum = PKT_CSUM_FULL, .sa = k->sa };

	return (dp_wait(dp, &one));
}

/* The segments that ${s} has left do. OK, or EXPIRED. */
static enum esp_verdict
wait_segments(struct datapath *dp, const struct pkt *k, const struct inner *in, struct segmenter *s)
{
	uint8_t one[PKT_MAX];
	size_t len;

	while ((len = segment_len(s)) > 0) {
		segment_put(s, one + in->l4, true);
		if (!wait_one(dp, k, one, len))
			return (ESP_EXPIRED);
	}
	return (ESP_OK);
}

/* Segments that are to be cut again: rare, since the kernel makes them for the MTU of the device. */
static enum esp_verdict
segments_apart(struct datapath *dp, struct pkt *k, const struct inner *in, struct segmenter *s)
{
	enum esp_verdict v = ESP_OK;
	struct inner each = *in;
	uint8_t one[PKT_MAX];

	while (v == ESP_OK && (each.len = segment_len(s)) > 0) {
		segment_put(s, one + in->l4, true);
		v = out_whole(dp, k, one, &each);
		if (flow_waits(v) && wait_one(dp, k, one, each.len))
			v = wait_segments(dp, k, in, s);
	}
	return (v);
}

/* A super-packet: ${k} has an SA for all its segments. */
static enum esp_verdict
out_segments(struct datapath *dp, struct pkt *k, const struct inner *in)
{
	struct worker *w = dp_worker(dp);
	enum esp_verdict v = ESP_OK;
	struct segmenter s;
	struct pkt *o;
	size_t len;
	bool ip;

	if (segment_begin(&s, k, in) != 0)
		return (ESP_SHORT);
	if (!in->df && k->sa->mtu != 0 && segment_len(&s) > k->sa->mtu)
		return (segments_apart(dp, k, in, &s));
	/* Its segments in one send, rather than some of them with those before. */
	if (w->n_out + (s.len + s.seg - 1) / s.seg > ESP_BATCH)
		dp_out_flush(dp);
	while ((len = segment_len(&s)) > 0) {
		if ((v = place_numbered(dp, k, in, len, &o)) != ESP_OK)
			break;
		ip = k->sa->mode == SA_TUNNEL || k->sa->protocol == SA_AH || esp_sa_around(k->sa) != NULL;
		segment_put(&s, o->p + in->l4, ip);
		keep(w, o);
	}
	if (flow_waits(v))
		v = wait_segments(dp, k, in, &s);
	else if (v == ESP_TOO_BIG)	/* the first one is, and the answer quotes no more than its beginning */
		answer_toobig(dp, k->p, k->len, k->fit);
	return (v);
}

/*
 * Whether ${in} is NHRP that none of our tools sends: the peer would believe that we did, since it comes out of our tunnel. Packets
 * of hosts behind this end come from the device, those of other peers from --hub.
 */
static bool
bars_nhrp(struct datapath *dp, const struct inner *in)
{
	return (dp->opt.nhrp && in->proto == DP_NHRP && !dp_worker(dp)->own);
}

static void
out_one(struct datapath *dp, struct pkt *k)
{
	enum esp_verdict v = ESP_SHORT;
	struct inner in;

	if ((k->gso != PKT_GSO_NONE || segment_complete(k) == 0) && (v = flow_route(dp->db, k, &in)) == ESP_OK)
		v = bars_nhrp(dp, &in) ? ESP_POLICY : k->gso != PKT_GSO_NONE ? out_segments(dp, k, &in) : out_whole(dp, k, k->p, &in);
	else if (flow_waits(v) && dp_wait(dp, k))
		return;
	if (k->gso == PKT_GSO_NONE && k->sa != NULL && flow_waits(v) && dp_wait(dp, k))
		return;
	if (v != ESP_OK)
		drop(dp, k, v);
}

static void
out(struct datapath *dp, struct pkt *k)
{
	if (!dp_hop_copies(dp, k, out_one))
		out_one(dp, k);
}

/* For dp_wait_each(). */
static bool
has_sa(struct datapath *dp, const struct pkt *k)
{
	enum esp_verdict why = ESP_OK;
	struct inner in;

	return (inner_parse(&in, k->p, k->len) != 0 || sadb_by_packet(dp->db, &in, NULL, &why) != NULL || !flow_waits(why));
}

static void
waited(struct datapath *dp, struct pkt *k, bool over)
{
	if (over)
		drop(dp, k, ESP_EXPIRED);
	else
		out(dp, k);
}

void
dp_out(struct datapath *dp, struct pkt *k)
{
	/* The main thread has added an SA, and calls dp_out_retry() a moment later: this packet must not overtake those that wait. */
	if (dp->wait.n > 0 && dp_wait_due(dp) && dp_worker(dp)->copy_to == NULL)
		dp_wait_each(dp, false, has_sa, waited);
	out(dp, k);
}

void
dp_out_retry(struct datapath *dp, bool all)
{
	if (dp->wait.n == 0)
		return;
	biglock_pause();
	dp_wait_each(dp, all, has_sa, waited);
	dp_out_flush(dp);
	biglock_resume();
}

bool
datapath_send_to(struct datapath *dp, const struct addr *remote, uint8_t *p, size_t len)
{
	struct pkt k = { .p = p, .len = len, .buf = p, .cap = len, .csum = PKT_CSUM_FULL };
	struct worker *w = dp_worker(dp);
	struct esp_sa *sa;
	struct inner in;

	if (inner_parse(&in, p, len) != 0 || (sa = nhtb_remote(dp->hops.table, remote, &in)) == NULL)
		return (false);
	biglock_pause();	/* its numbers leave in their order */
	/* The same addresses may lead to another peer: two servers whose addresses in the tunnel are not known yet. */
	sadb_changed(dp->db);
	w->copy_to = sa;
	w->own = true;
	dp_out(dp, &k);
	dp_out_flush(dp);
	w->own = false;
	w->copy_to = NULL;
	sadb_changed(dp->db);
	biglock_resume();
	return (true);
}

static bool
probe(struct datapath *dp, struct pkt *k)
{
	uint64_t looked_ms = dp->mtu_ms, lost = dp_worker(dp)->count.unsent;
	enum esp_verdict v;
	struct inner in;
	struct pkt *o;

	if ((v = flow_route(dp->db, k, &in)) != ESP_OK || k->sa->mode != SA_TUNNEL) {
		if (v != ESP_OK)
			drop(dp, k, v);
		return (false);
	}
	o = place(dp, k, &in, in.len);
	if ((v = flow_number(dp->db, o, false)) != ESP_OK) {
		drop(dp, o, v);
		return (false);
	}
	o->df = true;
	memcpy(o->p, k->p, in.len);
	keep(dp_worker(dp), o);
	dp_out_flush(dp);
	/* Longer than the interface carries: it has gone in fragments, which shows nothing. */
	return (dp_worker(dp)->count.unsent == lost && (dp->mtu_ms != 0 || looked_ms == 0));
}

bool
dp_out_probe(struct datapath *dp, struct pkt *k)
{
	bool went;

	biglock_pause();	/* as in datapath_send_to() */
	went = probe(dp, k);
	biglock_resume();
	return (went);
}

/* ---- the device's queues */

static void
out_several(struct datapath *dp, struct pkt *k, size_t n)
{
	flow_expect(dp->db, k, n);
	for (size_t i = 0; i < n; i++)
		dp_out(dp, &k[i]);
}

/* Whether ${n} packets with ${len} bytes are not yet the share of a queue. */
static bool
in_share(size_t n, size_t len)
{
	return (n < SHARE_PACKETS && len < SHARE_BYTES);
}

/* Whether to read on after them for the rest of a datagram: its fragments stay together. */
static bool
datagram_open(struct fragments *frags, size_t n, size_t len)
{
	return (n < MOST_PACKETS && len < MOST_BYTES && fragments_follow(frags));
}

/* How many packets of a queue to read before the first of them is looked up. */
static size_t
read_ahead(const struct datapath *dp, unsigned queue)
{
	return (dp->tun.ring != NULL ? tun_expect(&dp->tun, queue) : sadb_count(dp->db) > FLOW_FEW ? AHEAD : 1);
}

/* Forwards the share of one queue, and adds to what the turn has forwarded. 1: there may be more; 0: there is none; -1 with a fault. */
static int
share(struct datapath *dp, unsigned queue, size_t *packets, size_t *bytes, struct fault *f)
{
	struct worker *w = dp_worker(dp);
	size_t n, len = 0, m = 0, i, ahead;
	struct fragments frags = {0};
	struct pkt k[TUN_RING];
	int rc = 1;

	/* A queue that was empty may have the next fragment by now: its sender makes one while we work. */
	for (n = 0; (rc == 1 && in_share(n, len)) || (rc != -1 && m > 0 && datagram_open(&frags, n, len)); n += m) {
		ahead = in_share(n, len) ? read_ahead(dp, queue) : 1;
		for (i = 0; i < ahead; i++)
			k[i] = worker_one(w, i);
		rc = tun_read_some(&dp->tun, queue, k, ahead, &m, &w->count.cut, f);
		for (i = 0; i < m; i++) {
			fragments_read(&frags, k[i].p, k[i].len);
			len += k[i].len;
		}
		out_several(dp, k, m);
	}
	*packets += n;
	*bytes += len;
	return (rc);
}

/*
 * Rounds of all queues that have packets. A round is never cut short: the order of the queues stays the same, and the last ones would
 * wait for ever. 0, or -1 with a fault.
 */
static int
turn(struct datapath *dp, struct fault *f)
{
	size_t packets = 0, bytes = 0, n, i;
	unsigned queue[TUN_QUEUES];
	bool more = true;
	int rc;

	while (more && packets < TURN_PACKETS && bytes < TURN_BYTES) {
		more = false;
		n = tun_ready(&dp->tun, queue);
		for (i = 0; i < n; i++) {
			if ((rc = share(dp, queue[i], &packets, &bytes, f)) == -1)
				return (-1);
			more = more || rc == 1;
		}
	}
	return (0);
}

bool
dp_tun_turn(struct datapath *dp)
{
	struct fault f;
	int rc = turn(dp, &f);

	/* SAs may come and go after this call: the batch ends with it. */
	dp_out_flush(dp);
	if (rc == 0)
		return (true);
	ev_io_stop(dp->fast, &dp->tun_io);
	dp_broken(dp, &f);
	return (false);
}

void
dp_tun_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop, (void)revents;
	(void)dp_tun_turn(io->data);
}
