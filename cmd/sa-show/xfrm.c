/* Child SAs as lines for a shell that give them to the kernel, with ip(8) of iproute2. */
#include <stdio.h>

#include "base/hex.h"
#include "cli/report.h"
#include "crypto/alg.h"
#include "show.h"

#define REPLAY_DEFAULT	1024	/* packets, where the record has no window */
#define POLICIES_MAX	1024	/* of one SA and direction; ranges can come apart into many blocks */

struct xfrm {
	const struct sa_child	*s;
	const struct sa_child	*around;	/* the AH of its bundle; NULL: none */
	unsigned		 reqid;
	const struct alg_enc	*enc;		/* NULL: none */
	const struct alg_integ	*integ;
	char			 local[ADDR_TEXT], remote[ADDR_TEXT];
};

static void
put_key(struct span key)
{
	char hex[3];
	size_t i;

	(void)fputs(key.len > 0 ? "0x" : "''", stdout);
	for (i = 0; i < key.len; i++)
		(void)fputs(hex_put(hex, sizeof(hex), span_of(key.p + i, 1)), stdout);
}

static const char *
proto_word(const struct sa_child *s)
{
	return (s->protocol == SA_ESP ? "esp" : "ah");
}

static void
put_state(const struct xfrm *x, bool in)
{
	static const char *const encaps[] = { NULL, "espinudp", "espinudp-nonike", "espintcp" };
	const struct sa_child *s = x->s;
	uint32_t window = s->has_replay ? s->replay : REPLAY_DEFAULT;
	unsigned from = in ? s->remote.at.port : s->local.at.port;
	unsigned to = in ? s->local.at.port : s->remote.at.port;

	(void)printf("ip xfrm state add src %s dst %s proto %s spi 0x%08x reqid %u mode %s",
	    in ? x->remote : x->local, in ? x->local : x->remote, proto_word(s),
	    get_be32(in ? s->spi_in : s->spi_out), x->reqid,
	    s->mode == SA_TUNNEL ? "tunnel" : "transport");
	/* The kernel requires a window in both directions of an SA with ESN. */
	if (s->esn)
		(void)printf(" replay-window %u flag esn", window > 0 ? window : 1);
	else if (in && window > 0)
		(void)printf(" replay-window %u", window);
	/* "flag" accepts several words: the next argument must not look like one. */
	if (x->integ != NULL) {
		(void)printf(" auth-trunc '%s' ", x->integ->xfrm);
		put_key(secret_span(in ? &s->auth_in : &s->auth_out));
		(void)printf(" %u", 8 * x->integ->icv_len);
	}
	if (x->enc != NULL) {
		(void)printf(" %s '%s' ", x->enc->form == ALG_AEAD ? "aead" : "enc", x->enc->xfrm);
		put_key(secret_span(in ? &s->enc_in : &s->enc_out));
		if (x->enc->form == ALG_AEAD)
			(void)printf(" %u", 8 * x->enc->icv_len);
	}
	if (s->encap != SA_ENCAP_NONE)
		(void)printf(" encap %s %u %u %s", encaps[s->encap], from, to,
		    s->local.at.addr.family == 4 ? "0.0.0.0" : "::");
	(void)putchar('\n');
}

/* The largest CIDR block that starts where ${s} starts and lies in it, and its text. */
static struct addr
take_block(char out[SELECTOR_TEXT], const struct selector *s)
{
	struct selector b = { .first = s->first, .last = s->first };
	unsigned bits = (unsigned)(8 * addr_len(&s->first)), i;
	struct addr wider;

	b.last = s->first;
	for (i = bits; i-- > 0;) {
		if ((s->first.b[i / 8] & (0x80 >> i % 8)) != 0)
			break;
		wider = b.last;
		wider.b[i / 8] = (uint8_t)(wider.b[i / 8] | (0x80 >> i % 8));
		if (addr_cmp(&wider, &s->last) > 0)
			break;
		b.last = wider;
	}
	(void)selector_net_text(out, &b);
	return (b.last);
}

/* Moves ${a} one on; false if it was the last there is. */
static bool
next_addr(struct addr *a)
{
	size_t i;

	for (i = addr_len(a); i-- > 0;)
		if (++a->b[i] != 0)
			return (true);
	return (false);
}

static void
put_upspec(const struct selector *src, const struct selector *dst)
{
	/* Protocol and ports of a pair: phase 2 negotiates one protocol for both ends. */
	unsigned proto = src->proto != 0 ? src->proto : dst->proto;

	if (proto == 0)
		return;
	(void)printf(" proto %u", proto);
	if (src->port != 0 && (proto == 6 || proto == 17 || proto == 132))
		(void)printf(" sport %u", src->port);
	if (dst->port != 0 && (proto == 6 || proto == 17 || proto == 132))
		(void)printf(" dport %u", dst->port);
}

static void
put_template(const struct xfrm *x, const struct sa_child *s, bool in)
{
	(void)printf(" tmpl src %s dst %s proto %s reqid %u mode %s", in ? x->remote : x->local, in ? x->local : x->remote,
	    proto_word(s), x->reqid, s->mode == SA_TUNNEL ? "tunnel" : "transport");
}

static void
put_policy(const struct xfrm *x, const struct selector *src, const struct selector *dst,
    const char *from, const char *to, const char *dir)
{
	const struct sa_child *s = x->s;
	bool in = strcmp(dir, "out") != 0;

	(void)printf("ip xfrm policy add src %s dst %s", from, to);
	put_upspec(src, dst);
	(void)printf(" dir %s", dir);
	put_template(x, s, in);
	/* In both directions the kernel wants the inner one first. */
	if (x->around != NULL)
		put_template(x, x->around, in);
	(void)putchar('\n');
}

/* Policies for a pair of selectors; a range becomes the CIDR blocks that it is made of. */
static void
put_policies(const struct xfrm *x, const struct selector *src, const struct selector *dst,
    const char *dir)
{
	struct selector a = *src, b;
	char from[SELECTOR_TEXT], to[SELECTOR_TEXT];
	struct addr end_a, end_b;

	for (;; a.first = end_a) {
		end_a = take_block(from, &a);
		for (b = *dst;; b.first = end_b) {
			end_b = take_block(to, &b);
			put_policy(x, src, dst, from, to, dir);
			if (addr_cmp(&end_b, &b.last) >= 0 || !next_addr(&end_b))
				break;
		}
		if (addr_cmp(&end_a, &a.last) >= 0 || !next_addr(&end_a))
			break;
	}
}

/* The CIDR blocks that selectors come to; a number above POLICIES_MAX where a range of ports is. */
static size_t
count_blocks(const struct selector *list, size_t n)
{
	char text[SELECTOR_TEXT];
	struct selector s;
	size_t i, blocks = 0;

	for (i = 0; i < n; i++) {
		if (list[i].port != list[i].port_end)
			return (POLICIES_MAX + 1);
		for (s = list[i];; blocks++) {
			s.first = take_block(text, &s);
			if (addr_cmp(&s.first, &s.last) >= 0 || !next_addr(&s.first))
				break;
		}
		blocks++;
	}
	return (blocks);
}

/* Why the kernel cannot have this SA; NULL: it can. */
static const char *
obstacle(const struct xfrm *x)
{
	const struct sa_child *s = x->s;

	if ((s->encryption[0] != '\0' && (x->enc == NULL || x->enc->xfrm == NULL)) ||
	    (s->integrity[0] != '\0' && (x->integ == NULL || x->integ->xfrm == NULL)))
		return ("an algorithm that the kernel does not have");
	if (count_blocks(s->local_ts, s->n_local_ts) * count_blocks(s->remote_ts, s->n_remote_ts) >
	    POLICIES_MAX)
		return ("a range of ports, or ranges of addresses that make too many networks");
	return (NULL);
}

/* ${s} as the kernel shall have it; false, with a warning, if it cannot. */
static bool
begin(struct xfrm *x, const struct sa_child *s, unsigned reqid, uint64_t now)
{
	struct addr local = s->local.at.addr, remote = s->remote.at.addr;
	const char *why;

	*x = (struct xfrm){ .s = s, .reqid = reqid, .enc = alg_enc_name(s->encryption, s->key_bits),
	    .integ = alg_integ_name(s->integrity) };
	if ((why = obstacle(x)) != NULL) {
		report_warn("SA in %08x out %08x omitted: it has %s", get_be32(s->spi_in),
		    get_be32(s->spi_out), why);
		return (false);
	}
	if (s->lifetime.expires <= now)
		report_warn("SA in %08x out %08x is included, although it has expired", get_be32(s->spi_in),
		    get_be32(s->spi_out));
	local.scope = remote.scope = 0;
	(void)addr_text(x->local, &local);
	(void)addr_text(x->remote, &remote);
	return (true);
}

static void
put_states(const struct xfrm *x)
{
	put_state(x, true);
	if (x->s->use == SA_USE_BOTH)
		put_state(x, false);
}

void
xfrm_record(const struct sa_child *s, const struct sa_child *around, unsigned reqid, uint64_t now)
{
	struct xfrm x, ah;
	size_t i, k;

	if (!begin(&x, s, reqid, now) || (around != NULL && !begin(&ah, around, reqid, now)))
		return;
	x.around = around;
	put_states(&x);
	if (around != NULL)
		put_states(&ah);
	for (i = 0; i < s->n_local_ts; i++)
		for (k = 0; k < s->n_remote_ts; k++) {
			if (s->local_ts[i].first.family != s->remote_ts[k].first.family)
				continue;
			if (s->use == SA_USE_BOTH)
				put_policies(&x, &s->local_ts[i], &s->remote_ts[k], "out");
			put_policies(&x, &s->remote_ts[k], &s->local_ts[i], "in");
			if (s->mode == SA_TUNNEL)
				put_policies(&x, &s->remote_ts[k], &s->local_ts[i], "fwd");
		}
}
