/* Whether large packets pass, IP fragments, and IKE fragments of full size. */
#include "probe/survey_priv.h"
#include "wire/fragment.h"

#define LINK_MTU	SURVEY_LINK_MTU
#define FRAGMENT_MTU	1280	/* for IKE fragments: the minimum MTU of IPv6 */
#define IPV4_HDR	20
#define IPV6_HDR	40
#define UDP_HDR		8
#define MARKER_LEN	4	/* RFC 3948, before IKE on port 4500 */

size_t
survey_room(const struct ike_survey *s, enum survey_port port, size_t mtu, size_t n)
{
	return (n * mtu - UDP_HDR - (s->conf.remote[port].addr.family == 4 ? IPV4_HDR : IPV6_HDR) -
	    (port == SURVEY_4500 ? MARKER_LEN : 0));
}

void
survey_size_next(struct ike_survey *s, enum survey_port port, struct now now,
    struct ike_outbox *out)
{
	static const size_t packets[] = { [SURVEY_WHOLE] = 1, [SURVEY_FRAGMENTS] = 2 };
	const struct rand *rand = &s->conf.rand;
	struct shot *shot = &s->shot[port];
	size_t size = s->sizes++;
	uint8_t buf[2 * LINK_MTU];
	struct span msg = SPAN_NONE;

	s->r.size[size].asked = s->sizing = true;
	s->r.size[size].port = port;
	survey_shot_clear(shot);
	shot->offer = (struct probe_offer){ .n = 1, .t = { s->r.found[0].t } };
	s->pace_ms = now.ms + s->conf.gap_ms;
	if (size == SURVEY_IKE_FRAGMENTS) {
		/* Only peers that announce fragmentation get fragments: wait for the announcement. */
		msg = ask_main1(buf, rand, shot->key.cky_i, &shot->offer,
		    PROBE_VIDS | PROBE_VID_FRAGMENTS);
	} else {
		s->r.size[size].len = survey_room(s, port, LINK_MTU, packets[size]);
		if (rand->fill(rand->state, shot->key.cky_i, COOKIE_LEN) == 0)
			msg = probe_main1_long(buf, sizeof(buf), shot->key.cky_i, &shot->offer,
			    s->r.size[size].len);
	}
	survey_fire(s, port, msg, s->conf.timeout_ms, now, out);
}

static bool
announced(const struct probe_answer *a)
{
	const struct vid *v;
	size_t i;

	for (i = 0; i < a->n_vids; i++)
		if ((v = vid_find(a->vids[i])) != NULL && v->kind == VID_FRAGMENTATION)
			return (true);
	return (false);
}

/* Message 3 in two fragments, each of full size. */
static bool
send_fragments(struct ike_survey *s, enum survey_port port, const struct probe_answer *a,
    struct now now, struct ike_outbox *out)
{
	struct shot *shot = &s->shot[port];
	uint8_t buf[2 * LINK_MTU];
	struct span msg;
	size_t part = survey_room(s, port, FRAGMENT_MTU, 1) - FRAG_HDR_LEN;

	survey_agree(s, port, shot, a);
	msg = ask_main3(buf, sizeof(buf), &s->conf.rand, &shot->key, 2 * part);
	if (msg.len == 0)
		return (false);
	s->r.size[SURVEY_IKE_FRAGMENTS].len = msg.len;
	shot->sharing = true;
	shot->part = part;
	survey_fire(s, port, msg, s->conf.timeout_ms, now, out);
	return (true);
}

void
survey_size_ended(struct ike_survey *s, enum survey_port port, enum shot_end end,
    const struct probe_answer *a, struct now now, struct ike_outbox *out)
{
	size_t size = s->sizes - 1;

	if (size == SURVEY_IKE_FRAGMENTS && !s->shot[port].sharing) {
		s->r.fragments_announced = end == SHOT_CHOICE && a->chosen && announced(a);
		if (s->r.fragments_announced && send_fragments(s, port, a, now, out))
			return;
	} else
		s->r.size[size].answered = end != SHOT_SILENCE;
	s->sizing = false;
}
