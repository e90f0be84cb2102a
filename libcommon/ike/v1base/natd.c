/* Versions of NAT traversal, and NAT-D hashes. */
#include "ike/v1base/natd.h"

/* Draft 01 differs from draft 00 in nothing that we do, and its vendor ID is hardly ever met: it
 * is spoken, but announced only where it is named. */
static const struct natt_version versions[] = {
	{ VID_NATT_RFC3947, "rfc3947", PAYLOAD_NAT_D, PAYLOAD_NAT_OA,
	    ENCAP_UDP_TUNNEL, ENCAP_UDP_TRANSPORT, true },
	{ VID_NATT_DRAFT_03, "draft-03", PAYLOAD_NAT_D_DRAFT, PAYLOAD_NAT_OA_DRAFT,
	    ENCAP_UDP_TUNNEL_DRAFT, ENCAP_UDP_TRANSPORT_DRAFT, true },
	{ VID_NATT_DRAFT_02_N, "draft-02", PAYLOAD_NAT_D_DRAFT, PAYLOAD_NAT_OA_DRAFT,
	    ENCAP_UDP_TUNNEL_DRAFT, ENCAP_UDP_TRANSPORT_DRAFT, true },
	{ VID_NATT_DRAFT_02, "draft-02", PAYLOAD_NAT_D_DRAFT, PAYLOAD_NAT_OA_DRAFT,
	    ENCAP_UDP_TUNNEL_DRAFT, ENCAP_UDP_TRANSPORT_DRAFT, true },
	{ VID_NATT_DRAFT_01, "draft-01", PAYLOAD_NAT_D_DRAFT, PAYLOAD_NAT_OA_DRAFT,
	    ENCAP_UDP_TUNNEL_DRAFT, ENCAP_UDP_TRANSPORT_DRAFT, false },
	{ VID_NATT_DRAFT_00, "draft-00", PAYLOAD_NAT_D_DRAFT, PAYLOAD_NAT_OA_DRAFT,
	    ENCAP_UDP_TUNNEL_DRAFT, ENCAP_UDP_TRANSPORT_DRAFT, false },
};
#define N_VERSIONS	(sizeof(versions) / sizeof(versions[0]))

const struct natt_version *
natt_version_row(size_t i)
{
	return (i < N_VERSIONS ? &versions[i] : NULL);
}

const struct natt_version *
natt_version_word(const char *word)
{
	size_t i;

	for (i = 0; i < N_VERSIONS; i++)
		if (strcmp(versions[i].word, word) == 0)
			return (&versions[i]);
	return (NULL);
}

const struct natt_version *
natt_choose(uint32_t ours, uint32_t theirs)
{
	const uint32_t draft_02 = 1U << VID_NATT_DRAFT_02 | 1U << VID_NATT_DRAFT_02_N;
	size_t i;

	if (ours & draft_02)
		ours |= draft_02;
	if (theirs & draft_02)
		theirs |= draft_02;
	for (i = 0; i < N_VERSIONS; i++)
		if (ours & theirs & 1U << versions[i].kind)
			return (&versions[i]);
	return (NULL);
}

int
natd_hash(const struct alg_hash *h, const uint8_t cky_i[COOKIE_LEN],
    const uint8_t cky_r[COOKIE_LEN], const struct endpoint *e, uint8_t out[HASH_MAX],
    struct fault *f)
{
	uint8_t port[2];
	struct span parts[] = {
		span_of(cky_i, COOKIE_LEN), span_of(cky_r, COOKIE_LEN), addr_span(&e->addr),
		SPAN_ARRAY(port),
	};

	put_be16(port, e->port);
	return (hash_parts(h, out, parts, sizeof(parts) / sizeof(parts[0]), f));
}
