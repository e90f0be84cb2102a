/*
 * Hostile SA payloads before both roles of both phases. What a responder takes, it answers with
 * a body that an initiator with the same policy accepts, and the choice is among its own.
 */
#include <stdlib.h>

#include "ike/v1base/sa_payload_p1.h"
#include "ike/v1base/sa_payload_p2.h"

static void
must(bool ok)
{
	if (!ok)
		abort();
}

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

static void
try_p2(struct span body, const struct ike_policy *p, const struct alg_group *pfs)
{
	static const uint8_t spi[4] = { 1, 2, 3, 4 };
	static const uint16_t encaps[] = { ENCAP_TUNNEL };
	static uint8_t buf[ISAKMP_MSG_MAX];
	static char text[SA_MISMATCH_TEXT];
	struct p2_choice c, d;
	struct fault f = {0};
	struct wr w = wr_of(buf, sizeof(buf));
	size_t ke_len = pfs != NULL ? pfs->pub_len : 0;

	if (p2_choose(&c, body, p, encaps, 1, ke_len, spi, &w, &f) != 0) {
		must(f.code == FAULT_NO_PROPOSAL || f.code == FAULT_PFS_MISMATCH ||
		    f.code == FAULT_MALFORMED || f.code == FAULT_TOO_LARGE);
		must(w.len == 0 && f.what[0] != '\0');
	} else {
		must(!w.bad && c.proposal.group == pfs && c.encap == ENCAP_TUNNEL);
		must(get_be32(c.spi) > 255);
		must(p->accept_all || (p2_accept(&d, wr_span(&w), p, ENCAP_TUNNEL, pfs, &f) == 0 &&
		    d.proposal.enc == c.proposal.enc && d.proposal.integ == c.proposal.integ &&
		    d.proposal.esn == c.proposal.esn));
	}
	(void)p2_accept(&d, body, p, ENCAP_TUNNEL, pfs, &f);
	p2_mismatch_text(text, body.len % sizeof(text), body, p, encaps, 1, ke_len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ike_policy p;
	const struct alg_group *g = alg_group_word("ecp256");
	struct span s = span_of(data, size);

	if (p.ike.n == 0) {
		ike_policy_default(&p);
		must(ike_proposals_parse(&p.ike, ike_proposals_default, NULL) == 0);
		must(esp_proposals_parse(&p.esp, "aes256gcm16,aes128-sha256,aes128-sha1-ecp256,"
		    "null-sha256_96-ecp256-esn", NULL) == 0);
	}
	if (size > ISAKMP_MSG_MAX)
		return (0);
	p.accept_all = (size & 1) != 0;
	try_p1(s, &p);
	try_p2(s, &p, NULL);
	try_p2(s, &p, g);
	return (0);
}
