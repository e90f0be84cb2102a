/*
 * The path MTU, by bisection: message 1 in IP packets that must not be fragmented. They go from ports of their own, since
 * whether a socket fragments is a property of the socket.
 */
#include "probe/survey_priv.h"

#define LEAST_V4	576	/* every host receives so much (RFC 791); less is not searched */
#define LEAST_V6	1280	/* RFC 8200, 5 */
#define NEAR		8	/* bytes of doubt that remain */
#define ENOUGH_MS	2000	/* a small packet got its answer: no need to wait longer */

/* The size of the next packet; 0: the result is known. */
static size_t
next_size(const struct ike_survey *s, enum survey_port port)
{
	const struct survey_path *p = &s->r.path;
	size_t least = s->conf.remote[port].addr.family == 4 ? LEAST_V4 : LEAST_V6;

	if (p->passes == 0 && p->fails == 0)
		return (s->conf.path_max);
	if (p->fails == 0 || p->fails <= p->passes + NEAR)
		return (0);
	if (p->passes == 0)
		return (p->fails > least ? least : 0);
	return ((p->passes + p->fails) / 2 / 4 * 4);
}

bool
survey_path_next(struct ike_survey *s, enum survey_port port, struct now now, struct ike_outbox *out)
{
	const struct rand *rand = &s->conf.rand;
	struct shot *shot = &s->shot[port];
	struct span msg = SPAN_NONE;
	uint8_t buf[SURVEY_LINK_MTU];
	size_t size;

	if (s->conf.whole[port].port == 0 || (size = next_size(s, port)) == 0)
		return (false);
	s->r.path.port = port;
	s->r.path.tried = size;
	s->sizing = s->on_path = true;
	survey_shot_clear(shot);
	shot->whole = true;
	shot->offer = (struct probe_offer){ .n = 1, .t = { s->r.found[0].t } };
	s->pace_ms = now.ms + s->conf.gap_ms;
	if (rand->fill(rand->state, shot->key.cky_i, COOKIE_LEN) == 0)
		msg = probe_main1_long(buf, sizeof(buf), shot->key.cky_i, &shot->offer,
		    survey_room(s, port, size, 1));
	survey_fire(s, port, msg, s->conf.timeout_ms < ENOUGH_MS ? s->conf.timeout_ms : ENOUGH_MS, now, out);
	return (true);
}

void
survey_path_ended(struct ike_survey *s, enum shot_end end)
{
	struct survey_path *p = &s->r.path;

	if (end != SHOT_SILENCE)
		p->passes = p->tried;
	else
		p->fails = p->tried;
	s->sizing = s->on_path = false;
}
