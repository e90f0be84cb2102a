/*
 * Hostile SA payloads before both roles of both phases; phase 2 with ESP, with AH, and with bundles of both. A responder's
 * choice is among its own proposals, and an initiator with the same policy accepts the reply and reads the same choice.
 */

#include "ike/v1base/sa_payload_p1.h"
#include "ike/v1base/sa_payload_p2.h"
#include "must.h"

static void
try_p1(struct span body, const struct ike_policy *p)
{
	static uint8_t buf[ISAKMP_MSG_MAX];
	static char text[SA_MISMATCH_TEXT];
	struct p1_choice c, d;
	struct fault f = {0};
	struct wr w = wr_of(buf, sizeof(buf));
	size_t i;

	if (p1_choose(&c, body, p, &w, &f) != 0) {
		must(f.code == FAULT_NO_PROPOSAL || f.code == FAULT_MALFORMED ||
		    f.code == FAULT_TOO_LARGE);
		must(w.len == 0 && f.what[0] != '\0');
	} else {
		must(!w.bad && c.proposal.enc != NULL && c.proposal.hash != NULL &&
		    c.proposal.group != NULL);
		for (i = 0; i < p->ike.n; i++)
			if (p->ike.p[i].enc == c.proposal.enc &&
			    p->ike.p[i].hash == c.proposal.hash &&
			    p->ike.p[i].group == c.proposal.group)
				break;
		must(i < p->ike.n || p->accept_all);
		must((p1_accept(&d, wr_span(&w), p, &f) == 0) == (i < p->ike.n));
	}
	(void)p1_accept(&d, body, p, &f);
	p1_mismatch_text(text, body.len % sizeof(text), body, p);
}

static bool
same(const struct esp_proposal *a, const struct esp_proposal *b)
{
	return (a->enc == b->enc && a->integ == b->integ && a->esn == b->esn && a->group == b->group);
}

static bool
is_own(const struct esp_proposal *one, const struct esp_proposals *own)
{
	size_t i;

	for (i = 0; i < own->n && !same(one, &own->p[i]); i++)
		;
	return (i < own->n);
}

/* The AH of ${c}, a bundle, has the group of its ESP: the configured list has none. */
static bool
is_own_ah(const struct p2_choice *c, const struct esp_proposals *own)
{
	struct esp_proposal ah = c->ah;

	ah.group = NULL;
	return (c->ah.group == c->proposal.group && is_own(&ah, own));
}

static void
try_p2(struct span body, const struct ike_policy *p, const struct alg_group *pfs)
{
	static const uint8_t spis[2 * 4] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint16_t encaps[] = { ENCAP_TUNNEL };
	static uint8_t buf[ISAKMP_MSG_MAX];
	static char text[SA_MISMATCH_TEXT];
	struct p2_choice c, d;
	struct fault f = {0};
	struct wr w = wr_of(buf, sizeof(buf));
	size_t ke_len = pfs != NULL ? pfs->pub_len : 0;
	bool bundle = p->ah.n > 0;

	if (p2_choose(&c, body, p, encaps, 1, ke_len, spis, &w, &f) != 0) {
		must(f.code == FAULT_NO_PROPOSAL || f.code == FAULT_PFS_MISMATCH || f.code == FAULT_PROTOCOL ||
		    f.code == FAULT_MALFORMED || f.code == FAULT_TOO_LARGE);
		must((f.code == FAULT_PROTOCOL) == (f.cause == CAUSE_BAD_OFFER));
		must(w.len == 0 && f.what[0] != '\0');
	} else {
		must(!w.bad && c.encap == ENCAP_TUNNEL && c.proto == p->proto && c.bundle == bundle);
		must(c.proposal.group == pfs || (p->accept_all && pfs != NULL && c.proposal.group->pub_len == ke_len));
		must(get_be32(c.spi) > 255 && (!bundle || get_be32(c.ah_spi) > 255));
		must(p->accept_all || (is_own(&c.proposal, &p->esp) && (!bundle || is_own_ah(&c, &p->ah))));
		if (p2_accept(&d, wr_span(&w), p, ENCAP_TUNNEL, pfs, &f) == 0)
			must(same(&d.proposal, &c.proposal) && d.bundle == bundle && memcmp(d.spi, spis, 4) == 0 &&
			    (!bundle || (same(&d.ah, &c.ah) && memcmp(d.ah_spi, spis + 4, 4) == 0)));
		else
			must(p->accept_all);
	}
	if (p2_accept(&d, body, p, ENCAP_TUNNEL, pfs, &f) == 0)
		must(is_own(&d.proposal, &p->esp) && d.proposal.group == pfs && d.bundle == bundle &&
		    (!bundle || is_own_ah(&d, &p->ah)));
	p2_mismatch_text(text, body.len % sizeof(text), body, p, encaps, 1, ke_len);
}

/* Policies of phase 2: ESP, AH, and AH around ESP. */
enum { ESP_ALONE, AH_ALONE, BUNDLE, POLICIES };

static void
set_up(struct ike_policy p[POLICIES])
{
	const char *ah = "sha256,sha1-ecp256,sha512-ecp256-esn";
	size_t i;

	for (i = 0; i < POLICIES; i++) {
		ike_policy_default(&p[i]);
		must(ike_proposals_parse(&p[i].ike, ike_proposals_default, NULL) == 0);
		p[i].proto = i == AH_ALONE ? SA_AH : SA_ESP;
		must((i == AH_ALONE ? ah_proposals_parse(&p[i].esp, ah, NULL) : esp_proposals_parse(&p[i].esp,
		    "aes256gcm16,aes128-sha256,aes128-sha1-ecp256,null-sha256_96-ecp256-esn", NULL)) == 0);
	}
	must(ah_proposals_parse(&p[BUNDLE].ah, "sha1,sha256,sha512-esn", NULL) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ike_policy p[POLICIES];
	const struct alg_group *g = alg_group_word("ecp256");
	struct span s = span_of(data, size);
	size_t i;

	if (p[0].ike.n == 0)
		set_up(p);
	if (size > ISAKMP_MSG_MAX)
		return (0);
	for (i = 0; i < POLICIES; i++) {
		p[i].accept_all = (size & 1) != 0;
		try_p2(s, &p[i], NULL);
		try_p2(s, &p[i], g);
	}
	try_p1(s, &p[ESP_ALONE]);
	return (0);
}
