/* A simplex SA: made from a record, measured, released. */
#include "esp/sa.h"

#include <stdlib.h>

#include "esp/ah.h"
#include "esp/outer.h"

#define UDP_HDR		8
#define NON_IKE_MARKER	8	/* draft-ietf-ipsec-udp-encaps-01 */
#define PROTO_UDP	17
#define PROTO_ESP	50

static int
suite_of(struct esp_suite *s, const struct sa_child *c, struct fault *f)
{
	*s = (struct esp_suite){ .enc = alg_enc_name(c->encryption, c->key_bits), .esn = c->esn };
	if (c->protocol == SA_AH)
		s->enc = alg_enc_name("null", 0);
	if (s->enc == NULL)
		return (fault(f, FAULT_CONFIG, "unknown encryption \"%s\" with %u key bits",
		    c->encryption, c->key_bits));
	if (c->integrity[0] != '\0' && (s->integ = alg_integ_name(c->integrity)) == NULL)
		return (fault(f, FAULT_CONFIG, "unknown integrity \"%s\"", c->integrity));
	if (c->protocol == SA_AH && s->integ == NULL)
		return (fault(f, FAULT_CONFIG, "AH without integrity"));
	/* Its ICV holds addresses: no NAT may change them (RFC 3948, 1). */
	if (c->protocol == SA_AH && c->encap != SA_ENCAP_NONE)
		return (fault(f, FAULT_CONFIG, "AH is not put into UDP or TCP"));
	if (s->enc->form == ALG_AEAD && s->integ != NULL)
		return (fault(f, FAULT_CONFIG, "%s brings its own integrity, %s is too much",
		    c->encryption, c->integrity));
	return (0);
}

int
esp_sa_check(const struct sa_child *rec, struct fault *f)
{
	struct esp_suite s;

	return (suite_of(&s, rec, f));
}

static struct selector *
selectors(const struct selector *from, size_t n)
{
	struct selector *s = calloc(n > 0 ? n : 1, sizeof(*s));

	if (s != NULL && n > 0)
		memcpy(s, from, n * sizeof(*s));
	return (s);
}

/* The fields of the two ends of the record, by direction. */
static void
take_ends(struct esp_sa *sa, const struct sa_child *rec, bool in)
{
	const struct sa_end *src = in ? &rec->remote : &rec->local, *dst = in ? &rec->local : &rec->remote;

	memcpy(sa->spi, in ? rec->spi_in : rec->spi_out, sizeof(sa->spi));
	sa->src = src->at;
	sa->dst = dst->at;
	sa->has_oa = rec->has_nat_oa;
	sa->oa_src = in ? rec->nat_oa_remote : rec->nat_oa_local;
	sa->oa_dst = in ? rec->nat_oa_local : rec->nat_oa_remote;
	sa->n_src_ts = in ? rec->n_remote_ts : rec->n_local_ts;
	sa->n_dst_ts = in ? rec->n_local_ts : rec->n_remote_ts;
	sa->src_ts = selectors(in ? rec->remote_ts : rec->local_ts, sa->n_src_ts);
	sa->dst_ts = selectors(in ? rec->local_ts : rec->remote_ts, sa->n_dst_ts);
}

int
esp_sa_init(struct esp_sa *sa, const struct sa_child *rec, bool in, bool seal,
    const struct esp_sa_conf *c, struct fault *f)
{
	struct span enc = secret_span(in ? &rec->enc_in : &rec->enc_out);
	struct span auth = secret_span(in ? &rec->auth_in : &rec->auth_out);
	bool ah = rec->protocol == SA_AH;
	struct esp_suite s;

	*sa = (struct esp_sa){ .protocol = rec->protocol, .mode = rec->mode, .encap = rec->encap,
	    .esn = rec->esn, .reserved = 1 };
	if (suite_of(&s, rec, f) != 0)
		return (-1);
	take_ends(sa, rec, in);
	if (!seal)
		sa->window = calloc(1, sizeof(*sa->window));
	if (sa->src_ts == NULL || sa->dst_ts == NULL || (!seal && sa->window == NULL)) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		goto bad;
	}
	if (sa->window != NULL)
		replay_init(sa->window, rec->has_replay && !c->replay_force ? rec->replay : c->replay, rec->esn);
	/* The ICV of AH is made in both directions, and compared in one. */
	if (esp_xf_init(&sa->xf, c->backends, &s, ah ? SPAN_NONE : enc, auth, seal || ah, &c->rand, f) == 0)
		return (0);
bad:
	esp_sa_free(sa);
	return (-1);
}

int
esp_sa_renew(struct esp_sa *sa, const struct sa_child *rec, bool in, struct fault *f)
{
	struct esp_sa new = *sa;

	take_ends(&new, rec, in);
	if (new.src_ts == NULL || new.dst_ts == NULL) {
		free(new.src_ts);
		free(new.dst_ts);
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	}
	free(sa->src_ts);
	free(sa->dst_ts);
	*sa = new;
	sa->mode = rec->mode;
	sa->encap = rec->encap;
	return (0);
}

void
esp_sa_free(struct esp_sa *sa)
{
	esp_xf_free(&sa->xf);
	free(sa->window);
	free(sa->src_ts);
	free(sa->dst_ts);
	wipe(sa, sizeof(*sa));
}

struct esp_count
esp_sa_carried(const struct esp_sa *sa)
{
	return ((struct esp_count){ sa->count.packets - sa->lost.packets, sa->count.bytes - sa->lost.bytes });
}

bool
esp_sa_exhausted(const struct esp_sa *sa)
{
	return (sa->seq + 1 >= (sa->esn ? UINT64_MAX : UINT32_MAX));
}

bool
esp_sa_matches(const struct esp_sa *sa, const struct inner *in)
{
	for (size_t i = 0; i < sa->n_src_ts; i++)
		for (size_t j = 0; j < sa->n_dst_ts; j++)
			if (inner_matches(in, &sa->src_ts[i], &sa->dst_ts[j]))
				return (true);
	return (false);
}

size_t
esp_sa_inner_max(const struct esp_sa *sa, size_t path)
{
	size_t ip = outer_len(sa->dst.addr.family), room = ip, most;

	if (sa->encap != SA_ENCAP_NONE)
		room += UDP_HDR + (size_t)esp_sa_marker(sa);
	if (sa->protocol == SA_AH)
		room += ah_len(&sa->xf, sa->dst.addr.family);
	if (path <= room)
		return (0);
	most = sa->protocol == SA_AH ? path - room : esp_xf_inner_max(&sa->xf, path - room);
	/* In transport mode the IP header of the inner packet is the outer one. */
	return (most > 0 && sa->mode == SA_TRANSPORT ? most + ip : most);
}

uint8_t
esp_sa_carrier(const struct esp_sa *sa)
{
	return (sa->protocol == SA_AH ? AH_PROTO : sa->encap == SA_ENCAP_NONE ? PROTO_ESP : PROTO_UDP);
}

uint8_t
esp_sa_marker(const struct esp_sa *sa)
{
	return (sa->encap == SA_ENCAP_UDP_DRAFT ? NON_IKE_MARKER : 0);
}
