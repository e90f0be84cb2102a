/* IKEv1 SAs: their resources, records, and protected messages. */
#include "ike/v1run/ike_sa.h"

#include <stdio.h>
#include <stdlib.h>

struct v1_sa *
v1_sa_new(const struct ike_version *version, struct ike_engine *e, struct ike_policy *policy,
    enum sa_role role, const struct endpoint *local, const struct endpoint *remote)
{
	struct v1_sa *sa = calloc(1, sizeof(*sa));

	if (sa == NULL || ike_sa_init(&sa->ike, version, e, policy, role, local, remote) != 0) {
		free(sa);
		return (NULL);
	}
	sa->ike.natt.tcp = ike_on_tcp(e, local);
	sa->exchange = policy->exchange;
	sa->dpd.at_ms = sa->hb.send_ms = sa->hb.late_ms = UINT64_MAX;
	return (sa);
}

void
v1_sa_free(struct v1_sa *sa)
{
	v1_keys_wipe(&sa->keys);
	v1_vids_free(&sa->vids);
	bytes_free(&sa->certs);
	if (sa->login.xauth != NULL)
		sa->login.free(sa->login.xauth);
	free(sa->seen.mid);
	ike_sa_clear(&sa->ike, sa->ike.engine != NULL ? sa->ike.engine->epoch : 0);
	wipe(sa, sizeof(*sa));
	free(sa);
}

/* --- sending --- */

#define IPV4_HDR	20
#define IPV6_HDR	40
#define UDP_HDR		8
#define MARKER_LEN	4	/* RFC 3948, in front of IKE on port 4500 */

bool
v1_sa_peer_defragments(const struct v1_sa *sa)
{
	struct span body;
	size_t at = 0;

	while (v1_vids_next(&sa->vids, &at, &body))
		if (frag_vid_announces(body))
			return (true);
	return (false);
}

/* Bytes of a message of ${len} in each of its fragments; 0: it is sent whole. */
static size_t
fragment_part(const struct v1_sa *sa, size_t len)
{
	const struct ike_policy *p = sa->ike.policy;
	size_t around = (size_t)UDP_HDR + (sa->ike.remote.at.addr.family == 6 ? IPV6_HDR : IPV4_HDR) +
	    (sa->ike.floated ? MARKER_LEN : 0);

	if (p->fragmentation == FRAGMENTATION_OFF || around + len <= p->fragment_size ||
	    (p->fragmentation == FRAGMENTATION_AUTO && !v1_sa_peer_defragments(sa)))
		return (0);
	return (p->fragment_size - around - FRAG_HDR_LEN);
}

void
v1_sa_send(struct v1_sa *sa, struct span message, struct ike_outbox *out)
{
	size_t part = fragment_part(sa, message.len), i, n = part > 0 ? frag_count(message.len, part) : 0;
	uint8_t buf[FRAG_MSG_MAX];	/* no message is longer, and a fragment is shorter than its message */
	struct span one;

	if (n == 0) {
		ike_sa_send(&sa->ike, message, out);
		return;
	}
	/* All of them or none: the first alone is of no use, and when the peer asks again there may be room for all. */
	if (!ike_sa_may_send(&sa->ike, message.len + n * (ISAKMP_HDR_LEN + FRAG_HDR_LEN), out))
		return;
	ike_sa_note(&sa->ike, out, NOTE_DEBUG, "a message of %zu bytes is sent in %zu fragments", message.len, n);
	for (i = 0; (one = frag_put(buf, sizeof(buf), message, part, i)).len > 0; i++)
		ike_sa_send(&sa->ike, one, out);
}

/* --- records --- */

static void
record_vids(const struct v1_sa *sa, struct sa_ike *s)
{
	const struct vid *known;
	struct span body;
	size_t at = 0;

	for (; v1_vids_next(&sa->vids, &at, &body); s->n_vids++) {
		s->vids[s->n_vids].len = (uint8_t)body.len;
		memcpy(s->vids[s->n_vids].b, body.p, body.len);
		if ((known = vid_find(body)) != NULL && known->kind == VID_IMPLEMENTATION)
			(void)snprintf(s->implementation, sizeof(s->implementation), "%s",
			    known->name);
	}
}

static void
fill(const struct v1_sa *sa, struct sa_ike *s, struct ike_outbox *out)
{
	/* That of an adopted SA is the policy's. */
	const struct v1_auth *auth = sa->auth != NULL ? sa->auth : v1_auth_find(sa->ike.policy->auths[0]);

	ike_sa_record(&sa->ike, s);
	(void)snprintf(s->auth, sizeof(s->auth), "%s", auth != NULL ? auth->word : "psk");
	s->exchange = sa->exchange;
	(void)snprintf(s->encryption, sizeof(s->encryption), "%s", sa->proposal.enc->name);
	s->key_bits = sa->proposal.enc->key_bits;
	(void)snprintf(s->hash, sizeof(s->hash), "%s", sa->proposal.hash->word);
	(void)snprintf(s->group, sizeof(s->group), "%s", sa->proposal.group->word);
	outbox_record_secret(out, &s->skeyid, &sa->keys.skeyid);
	outbox_record_secret(out, &s->skeyid_d, &sa->keys.skeyid_d);
	outbox_record_secret(out, &s->skeyid_a, &sa->keys.skeyid_a);
	outbox_record_secret(out, &s->skeyid_e, &sa->keys.skeyid_e);
	outbox_record_secret(out, &s->cipher, &sa->keys.cipher);
	s->iv_len = sa->proposal.enc->block;
	memcpy(s->iv, sa->iv, s->iv_len);
	s->dpd = sa->dpd.peer_can;
	record_vids(sa, s);
}

void
v1_sa_record(const struct v1_sa *sa, struct ike_outbox *out)
{
	struct sa_rec *rec = outbox_record(out, SA_IKE);

	if (rec != NULL)
		fill(sa, &rec->ike, out);
}

void
v1_sa_record_keys(const struct v1_sa *sa, enum ike_out_kind kind, const uint8_t *iv, struct now now,
    struct ike_outbox *out)
{
	struct sa_rec *rec;

	if (!sa->ike.engine->conf.show_keys || sa->keys.cipher.len == 0 || sa->auth == NULL ||
	    (rec = outbox_record_as(out, kind, SA_IKE)) == NULL)
		return;
	fill(sa, &rec->ike, out);
	/* It has no life: nothing can be negotiated under it. */
	rec->ike.established = rec->ike.lifetime.expires = now.epoch;
	memcpy(rec->ike.iv, iv, rec->ike.iv_len);
}

struct v1_message_keys
v1_sa_message_keys(const struct v1_sa *sa)
{
	return ((struct v1_message_keys){
		.hash = sa->proposal.hash, .enc = sa->proposal.enc,
		.cipher = secret_span(&sa->keys.cipher),
		.skeyid_a = secret_span(&sa->keys.skeyid_a),
	});
}

bool
v1_sa_seen(const struct v1_sa *sa, uint32_t mid)
{
	size_t i;

	for (i = 0; i < sa->seen.n; i++)
		if (sa->seen.mid[i] == mid)
			return (true);
	return (false);
}

void
v1_sa_saw(struct v1_sa *sa, uint32_t mid)
{
	uint32_t *more;

	if (sa->seen.n == sa->seen.cap && sa->seen.cap < V1_SEEN_MAX) {
		more = realloc(sa->seen.mid, (2 * sa->seen.cap + 16) * sizeof(*more));
		if (more != NULL) {
			sa->seen.mid = more;
			sa->seen.cap = 2 * sa->seen.cap + 16;
		}
	}
	if (sa->seen.n < sa->seen.cap)
		sa->seen.mid[sa->seen.n++] = mid;
	else if (sa->seen.cap > 0)	/* full: the oldest makes room */
		sa->seen.mid[sa->seen.at++ % sa->seen.cap] = mid;
}

bool
v1_sa_natt_in_use(const struct v1_sa *sa)
{
	const struct sa_natt *n = &sa->ike.natt;

	/* The marker alone says only on which port IKE is. */
	return (sa->natt != NULL && n->marker != SA_MARKER_NONE && (n->local_nat || n->remote_nat || n->forced));
}

void
v1_sa_blame_float(const struct v1_sa *sa, struct fault *f)
{
	size_t n = strlen(f->what);

	if (sa->ike.floated_from == 0 || sa->ike.floated_from == IKE_PORT)
		return;
	(void)snprintf(f->what + n, sizeof(f->what) - n, "; on port %u it answered", sa->ike.floated_from);
	(void)fault_because(f, CAUSE_NATT_PORT, -1);
}

uint8_t
v1_proto_number(enum sa_proto proto)
{
	return (proto == SA_AH ? PROTO_AH : PROTO_ESP);
}
