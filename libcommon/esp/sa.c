/* A simplex SA: made from a record, measured, released. */
#include "esp/sa.h"

#include <stdlib.h>

#include "esp/ah.h"
#include "esp/outer.h"
#include "wire/ctcp.h"

#define UDP_HDR		8
#define NON_IKE_MARKER	8	/* draft-ietf-ipsec-udp-encaps-01 */
#define PROTO_TCP	6
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

	if (rec->takeovers > ESP_TAKEOVERS_MAX)
		return (fault(f, FAULT_CONFIG, "the SA was taken over %lu times, and there are numbers for %d times",
		    (unsigned long)rec->takeovers, ESP_TAKEOVERS_MAX));
	return (suite_of(&s, rec, f));
}

/* Room for ${n} selectors after that for ${ways}. NULL: no memory. */
static struct selector *
behind(size_t ways, size_t n)
{
	struct spd_way *w = calloc(1, ways * sizeof(*w) + n * sizeof(struct selector));

	return (w != NULL ? (void *)(w + ways) : NULL);
}

int
esp_sa_selectors(struct esp_sa *sa, size_t n_src, size_t n_dst)
{
	/* One at least of each side, if only zeros. */
	size_t room_src = n_src > 0 ? n_src : 1, room_dst = n_dst > 0 ? n_dst : 1;

	sa->shares = false;
	sa->n_src_ts = (uint16_t)n_src;
	sa->n_dst_ts = (uint16_t)n_dst;
	sa->src_ts = behind(n_src * n_dst, room_src + room_dst);
	sa->dst_ts = sa->src_ts != NULL ? sa->src_ts + room_src : NULL;
	return (sa->src_ts != NULL ? 0 : -1);
}

void
esp_sa_no_selectors(struct esp_sa *sa)
{
	if (!sa->shares && sa->src_ts != NULL)
		free(esp_sa_ways(sa));
	sa->src_ts = sa->dst_ts = NULL;
}

/* The selectors of the record, by direction. 0, or -1: no memory, and there are none. */
static int
take_selectors(struct esp_sa *sa, const struct sa_child *rec, bool in)
{
	size_t n_src = in ? rec->n_remote_ts : rec->n_local_ts, n_dst = in ? rec->n_local_ts : rec->n_remote_ts;

	if (esp_sa_selectors(sa, n_src, n_dst) != 0)
		return (-1);
	if (n_src > 0)
		memcpy(sa->src_ts, in ? rec->remote_ts : rec->local_ts, n_src * sizeof(sa->src_ts[0]));
	if (n_dst > 0)
		memcpy(sa->dst_ts, in ? rec->local_ts : rec->remote_ts, n_dst * sizeof(sa->dst_ts[0]));
	return (0);
}

/* Room for what is rare. NULL: no memory. */
static struct esp_rare *
rare(struct esp_sa *sa)
{
	if (sa->rare == NULL)
		sa->rare = calloc(1, sizeof(*sa->rare));
	return (sa->rare);
}

/* The fields of the two ends of the record, by direction. 0, or -1: no memory, and ${sa} has no selectors. */
static int
take_ends(struct esp_sa *sa, const struct sa_child *rec, bool in)
{
	memcpy(sa->spi, in ? rec->spi_in : rec->spi_out, sizeof(sa->spi));
	sa->dst = (in ? &rec->local : &rec->remote)->at;
	if (rec->has_nat_oa && rare(sa) == NULL)
		return (-1);
	if (take_selectors(sa, rec, in) != 0)
		return (-1);
	if (sa->rare == NULL)
		return (0);
	sa->rare->has_oa = rec->has_nat_oa;
	sa->rare->oa.src = in ? rec->nat_oa_remote : rec->nat_oa_local;
	sa->rare->oa.dst = in ? rec->nat_oa_local : rec->nat_oa_remote;
	return (0);
}

void
esp_sa_share(struct esp_sa *in, const struct esp_sa *out)
{
	esp_sa_no_selectors(in);
	in->shares = true;
	in->src_ts = out->dst_ts;
	in->dst_ts = out->src_ts;
}

int
esp_sa_init(struct esp_sa *sa, const struct sa_child *rec, bool in, bool seal,
    const struct esp_sa_conf *c, struct fault *f)
{
	struct span enc = secret_span(in ? &rec->enc_in : &rec->enc_out);
	struct span auth = secret_span(in ? &rec->auth_in : &rec->auth_out);
	bool ah = rec->protocol == SA_AH;
	uint32_t replay = rec->has_replay && !c->replay_force ? rec->replay : c->replay;
	struct esp_suite s;

	*sa = (struct esp_sa){ .protocol = rec->protocol, .mode = rec->mode, .encap = rec->encap,
	    .esn = rec->esn, .reserved = 1 };
	if (suite_of(&s, rec, f) != 0)
		return (-1);
	if (take_ends(sa, rec, in) != 0 || (!seal && (sa->window = malloc(replay_size(replay))) == NULL)) {
		(void)fault(f, FAULT_MEMORY, "no memory for an SA");
		goto bad;
	}
	if (sa->window != NULL)
		replay_init(sa->window, replay, rec->esn);
	/* The ICV of AH is made in both directions, and compared in one. */
	if (esp_xf_init(&sa->xf, c->backends, &s, ah ? SPAN_NONE : enc, auth, seal || ah, &c->rand, f) == 0) {
		esp_xf_iv_range(&sa->xf, rec->takeovers);
		return (0);
	}
bad:
	esp_sa_free(sa);
	return (-1);
}

int
esp_sa_renew(struct esp_sa *sa, const struct sa_child *rec, bool in, struct fault *f)
{
	struct esp_sa new = *sa;
	int rc = take_ends(&new, rec, in);

	sa->rare = new.rare;
	if (rc != 0)
		return (fault(f, FAULT_MEMORY, "no memory for an SA"));
	esp_sa_no_selectors(sa);
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
	esp_sa_no_selectors(sa);
	free(sa->rare);
	wipe(sa, sizeof(*sa));
}

struct esp_count
esp_sa_carried(const struct esp_sa *sa)
{
	static const struct esp_count none;
	const struct esp_count *lost = sa->rare != NULL ? &sa->rare->lost : &none;

	return ((struct esp_count){ sa->count.packets - lost->packets, sa->count.bytes - lost->bytes });
}

const uint64_t *
esp_sa_drops(const struct esp_sa *sa)
{
	static const uint64_t none[ESP_VERDICT_COUNT];

	return (sa->rare != NULL ? sa->rare->drops : none);
}

void
esp_sa_drop(struct esp_sa *sa, enum esp_verdict why)
{
	if (rare(sa) != NULL)
		sa->rare->drops[why]++;
}

void
esp_sa_lost(struct esp_sa *sa, size_t len)
{
	if (rare(sa) == NULL)
		return;
	sa->rare->lost.packets++;
	sa->rare->lost.bytes += len;
}

void
esp_sa_range(uint32_t n, uint64_t *first, uint64_t *end)
{
	const uint64_t half = UINT64_C(1) << 31, step = half / ESP_TAKEOVERS_MAX;

	*first = n > ESP_TAKEOVERS_MAX ? 0 : n == 0 ? 1 : half + (n - 1) * step;
	*end = n > ESP_TAKEOVERS_MAX ? 0 : n == ESP_TAKEOVERS_MAX ? UINT32_MAX : half + n * step;
}

void
esp_sa_refuse_all(struct esp_sa *sa)
{
	replay_leap(sa->window, sa->esn ? UINT64_MAX : UINT32_MAX);
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

	if (sa->encap == SA_ENCAP_TCP)
		room += CTCP_EXTRA;
	else if (sa->encap != SA_ENCAP_NONE)
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
	return (sa->protocol == SA_AH ? AH_PROTO : sa->encap == SA_ENCAP_NONE ? PROTO_ESP :
	    sa->encap == SA_ENCAP_TCP ? PROTO_TCP : PROTO_UDP);
}

uint8_t
esp_sa_marker(const struct esp_sa *sa)
{
	return (sa->encap == SA_ENCAP_UDP_DRAFT ? NON_IKE_MARKER : 0);
}
