/*
 * The path MTU where ICMP errors are lost: echo requests of several sizes go through the tunnel to an address behind the
 * peer, and its answers come back (RFC 8899). Their outer packets may not be fragmented. What has been found to pass is the
 * path MTU to the peer, as if a router had told it. Nothing waits: a timer sends, and the packets of the tunnel are looked
 * at on their way to the device.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/csum.h"
#include "datapath/datapath_priv.h"
#include "monitor/sizes.h"

#define AGAIN_MS	1000	/* until there is an SA */
#define RETRY_MS	10000	/* after a search that has proven nothing */
#define CONFIRM_MS	60000	/* that the size in use passes still */
#define RAISE_MS	540000	/* that longer ones do not pass: before the path MTU of errors ends, see PMTU_AGE_MS */
#define SIZE_MAX_IP	65000
#define ICMP_HDR	8
#define COOKIE		8	/* random bytes behind it, which only the receiver of a request knows */
#define IP4_HDR		20
#define IP6_HDR		40

struct dp_probe {
	ev_timer	 timer;
	struct addr	 dest, source;
	struct addr	 remote;	/* the peer, of the search that is going on */
	struct sizes	 search;
	size_t		 top;
	uint8_t		 cookie[COOKIE];
	uint16_t	 id;
	bool		 raise;
	uint64_t	 raise_ms;	/* when longer packets than those in use are due to be tried */
	size_t		 told;		/* the size that was reported last */
};

/* ---- packets */

static void
header_put(const struct dp_probe *p, uint8_t *b, size_t len)
{
	if (p->dest.family == 4) {
		b[0] = 0x45;
		put_be16(b + 2, (uint16_t)len);
		b[6] = 0x40;	/* DF */
		b[8] = 64;
		b[9] = IPPROTO_ICMP;
		memcpy(b + 12, p->source.b, 4);
		memcpy(b + 16, p->dest.b, 4);
		csum_put(b + 10, csum_bytes(b, IP4_HDR), false);
		return;
	}
	b[0] = 0x60;
	put_be16(b + 4, (uint16_t)(len - IP6_HDR));
	b[6] = IPPROTO_ICMPV6;
	b[7] = 64;
	memcpy(b + 8, p->source.b, 16);
	memcpy(b + 24, p->dest.b, 16);
}

/* An echo request of ${len} bytes with its IP header. */
static void
request_put(const struct dp_probe *p, uint8_t *b, size_t len, uint16_t seq)
{
	size_t head = p->dest.family == 4 ? IP4_HDR : IP6_HDR;
	uint64_t sum = 0;

	memset(b, 0, len);
	header_put(p, b, len);
	b[head] = p->dest.family == 4 ? 8 : 128;	/* RFC 792; RFC 4443, 4.1 */
	put_be16(b + head + 4, p->id);
	put_be16(b + head + 6, seq);
	memcpy(b + head + ICMP_HDR, p->cookie, COOKIE);
	if (p->dest.family == 6)	/* its pseudo-header: RFC 8200, 8.1 */
		sum = csum_bytes(b + 8, 32) + csum_number((uint16_t)(len - head)) + csum_number(IPPROTO_ICMPV6);
	csum_put(b + head + 2, sum + csum_bytes(b + head, len - head), false);
}

static bool
request_send(struct datapath *dp, size_t len, uint16_t seq)
{
	struct pkt k = worker_one(dp_worker(dp), 0);

	k.len = len;
	request_put(dp->probe, k.p, len, seq);
	/* A narrower selector may lead to another peer. */
	return (dp_out_probe(dp, &k) && addr_cmp(&k.sa->dst.addr, &dp->probe->remote) == 0);
}

/* ---- the search */

static void
arm(struct datapath *dp, uint64_t wait_ms)
{
	struct dp_probe *p = dp->probe;

	ev_timer_stop(dp->loop, &p->timer);
	ev_now_update(dp->loop);
	ev_timer_set(&p->timer, (double)wait_ms / 1000., 0.);
	ev_timer_start(dp->loop, &p->timer);
}

static bool
leads_to(const struct esp_sa *sa, const struct addr *dest)
{
	for (size_t i = 0; i < sa->n_dst_ts; i++)
		if (selector_has_addr(&sa->dst_ts[i], dest))
			return (true);
	return (false);
}

/*
 * The SA for requests, and in ${source} the address that they come from; NULL: there is none. Without outer packets of its
 * own, as in TCP, or with the peer as destination, as in transport mode, nothing can be found out.
 */
static struct esp_sa *
sa_for(struct datapath *dp, const struct addr *dest, struct addr *source)
{
	struct esp_pair *pair;

	for (size_t i = sadb_count(dp->db); i-- > 0; ) {
		struct esp_sa *sa = &(pair = sadb_at(dp->db, i))->out;

		if (pair->dying_ms != 0 || !pair->may_send || sa->mtu == 0 || sa->mode != SA_TUNNEL || sa->encap == SA_ENCAP_TCP ||
		    !leads_to(sa, dest))
			continue;
		for (size_t j = 0; j < sa->n_src_ts; j++)
			if (sa->src_ts[j].first.family == dest->family && router_find_address(&dp->router, &sa->src_ts[j], source))
				return (sa);
	}
	return (NULL);
}

static bool
begin(struct datapath *dp, uint64_t now_ms)
{
	struct dp_probe *p = dp->probe;
	struct esp_sa *sa = sa_for(dp, &p->dest, &p->source);
	size_t link, small, current;

	if (sa == NULL || dp_path_mtu(dp, &sa->dst.addr, &link) == 0)
		return (false);
	p->remote = sa->dst.addr;
	p->top = dp_inner_max(sa, link < SIZE_MAX_IP ? link : SIZE_MAX_IP);
	small = dp_inner_max(sa, p->remote.family == 4 ? PMTU_MIN_V4 : PMTU_MIN_V6);
	if (small < IP6_HDR + ICMP_HDR + COOKIE || small >= p->top)
		return (false);
	current = sa->mtu < small ? small : sa->mtu < p->top ? sa->mtu : p->top;
	p->raise = now_ms >= p->raise_ms;
	sizes_begin(&p->search, small, current, p->top, p->raise, now_ms);
	return (p->search.state == SIZES_SEARCH);
}

/* The outer packet around ${inner} bytes. */
static size_t
outer_len(const struct esp_sa *sa, size_t inner, size_t most)
{
	size_t len = inner;

	while (len < most && dp_inner_max(sa, len) < inner)
		len++;
	return (len);
}

static void
report(struct datapath *dp, size_t mtu)
{
	struct dp_probe *p = dp->probe;
	char peer[ADDR_TEXT], dest[ADDR_TEXT];

	(void)addr_text(peer, &p->remote);
	(void)addr_text(dest, &p->dest);
	if (p->search.hi != 0)
		dp_note(dp, 1, "path MTU to %s is %zu: %s has answered echo requests of %zu bytes through the tunnel, and of %zu bytes "
		    "none of %d while it answered those of %zu", peer, mtu, dest, p->search.lo, p->search.hi, SIZES_TRIES, p->search.small);
	else
		dp_note(dp, 1, "path MTU to %s is %zu: %s has answered an echo request of %zu bytes through the tunnel", peer, mtu, dest,
		    p->search.lo);
}

static void
found(struct datapath *dp, uint64_t now_ms)
{
	struct dp_probe *p = dp->probe;
	struct addr source;
	struct esp_sa *sa = sa_for(dp, &p->dest, &source);
	size_t link, mtu;
	bool changed;

	if (p->raise)
		p->raise_ms = now_ms + RAISE_MS;
	if (sa == NULL || addr_cmp(&sa->dst.addr, &p->remote) != 0 || (mtu = dp_path_mtu(dp, &p->remote, &link)) == 0)
		return;
	if (p->search.lo >= p->top)
		mtu = link;
	else if (dp_inner_max(sa, mtu) != p->search.lo)
		mtu = outer_len(sa, p->search.lo, link);
	changed = pmtu_found(&dp->path_mtus, &p->remote, link, mtu, now_ms);
	if (changed || p->told == 0)
		report(dp, mtu);
	p->told = p->search.lo;
	if (changed)
		dp_path_changed(dp, &p->remote);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct datapath *dp = w->data;
	struct dp_probe *p = dp->probe;
	uint64_t now_ms = clock_now(&dp->clock).ms;

	(void)loop, (void)revents;
	if (p->search.state != SIZES_SEARCH && !begin(dp, now_ms)) {
		p->search.state = SIZES_IDLE;
		arm(dp, AGAIN_MS);
		return;
	}
	biglock_pause();	/* an answer waits until both requests of the turn are out */
	if (sizes_turn(&p->search, now_ms) && (!request_send(dp, p->search.small, p->search.seq) ||
	    !request_send(dp, p->search.size, (uint16_t)(p->search.seq + 1))))
		p->search.state = SIZES_UNPROVEN;
	biglock_resume();
	if (p->search.state == SIZES_SEARCH) {
		arm(dp, p->search.deadline_ms > now_ms ? p->search.deadline_ms - now_ms : 0);
		return;
	}
	if (p->search.state == SIZES_FOUND)
		found(dp, now_ms);
	arm(dp, p->search.state == SIZES_FOUND ? CONFIRM_MS : RETRY_MS);
}

void
dp_probe_seen(struct datapath *dp, const struct pkt *k, const struct inner *in)
{
	struct dp_probe *p = dp->probe;
	bool v4 = p->dest.family == 4;
	const uint8_t *icmp = k->p + in->l4;
	uint64_t now_ms;

	if (in->proto != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) || in->frag_rest || p->search.state != SIZES_SEARCH ||
	    k->inner_len < in->l4 + ICMP_HDR + COOKIE || icmp[0] != (v4 ? 0 : 129) || icmp[1] != 0 ||
	    addr_cmp(&in->src, &p->dest) != 0 || addr_cmp(&in->dst, &p->source) != 0 || get_be16(icmp + 4) != p->id ||
	    memcmp(icmp + ICMP_HDR, p->cookie, COOKIE) != 0)
		return;
	now_ms = clock_now(&dp->clock).ms;
	sizes_answer(&p->search, get_be16(icmp + 6), now_ms);
	/* Requests are sent by the timer: here the buffers of packets are in use. */
	arm(dp, p->search.deadline_ms > now_ms ? p->search.deadline_ms - now_ms : 0);
	dp_stir(dp);
}

/* ---- life */

int
dp_probe_open(struct datapath *dp, struct fault *f)
{
	const struct rand *r = &dp->opt.sadb.sa.rand;
	struct dp_probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for --mtu-probe"));
	p->dest = dp->opt.mtu_probe;
	if (r->fill(r->state, p->cookie, sizeof(p->cookie)) != 0 || r->fill(r->state, (uint8_t *)&p->id, sizeof(p->id)) != 0) {
		free(p);
		return (fault(f, FAULT_CRYPTO, "no random numbers for --mtu-probe"));
	}
	dp->probe = p;
	ev_timer_init(&p->timer, on_timer, 0., 0.);
	p->timer.data = dp;
	arm(dp, AGAIN_MS);
	return (0);
}

void
dp_probe_close(struct datapath *dp)
{
	if (dp->probe == NULL)
		return;
	ev_timer_stop(dp->loop, &dp->probe->timer);
	free(dp->probe);
	dp->probe = NULL;
}
