/* Keepalives of a point-to-point device: the carrier says whether the peer answers. */
#include "gre/device_priv.h"
#include "gre/keepalive.h"

static void
carrier(struct gre_device *d, bool on)
{
	if (tun_carrier(&d->tap.tun, on) != 0)
		gre_note(d, 0, "cannot switch the carrier of %s", d->info.tun);
}

static void
ask(struct gre_device *d)
{
	const struct gre_head h = { .csum = d->o.csum, .has_key = d->o.has_key, .key = d->o.key };
	uint8_t inner[KEEPALIVE_MAX];
	size_t len = keepalive_put(inner, &h, &d->o.local, &d->o.remote);

	if (gre_out_allowed(d, &d->o.remote))
		gre_out_one(d, &d->o.remote, d->o.remote.family == 6 ? GRE_IPV6 : GRE_IPV4, span_of(inner, len), 0xc0);
}

static void
on_alive(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct gre_device *d = w->data;
	char text[ADDR_TEXT];

	(void)loop, (void)revents;
	if (keepalive_tick(&d->alive)) {
		gre_note(d, 0, "%s is down: %s has not answered %u keepalives", d->info.tun, addr_text(text, &d->o.remote), d->alive.missed);
		carrier(d, false);
	}
	ask(d);
}

void
gre_alive_init(struct gre_device *d)
{
	ev_timer_init(&d->alive_timer, on_alive, 0., d->o.keepalive_s);
	d->alive_timer.data = d;
	d->alive = (struct keepalive){ .retries = d->o.keepalive_retries };
}

void
gre_alive_start(struct gre_device *d)
{
	if (d->o.keepalive_s > 0)
		ev_timer_start(d->loop, &d->alive_timer);
}

void
gre_alive_stop(struct gre_device *d)
{
	ev_timer_stop(d->loop, &d->alive_timer);
	/* A persistent device keeps its carrier. */
	if (d->alive.down)
		carrier(d, true);
}

void
gre_alive_answered(struct gre_device *d)
{
	char text[ADDR_TEXT];

	if (!keepalive_answered(&d->alive))
		return;
	carrier(d, true);
	gre_note(d, 0, "%s is up: %s answers keepalives", d->info.tun, addr_text(text, &d->o.remote));
}

bool
gre_alive_asked(struct gre_device *d, const struct raw_pkt *raw, struct span inner)
{
	const struct gre_head h = { .has_key = d->o.has_key, .key = d->o.key };
	struct raw_pkt answer = { .peer = raw->peer, .tos = 0xc0 };
	struct span gre;

	switch (keepalive_get(&gre, inner, &h, &raw->peer, &raw->to)) {
	case KEEPALIVE_NONE:
		return (false);
	case KEEPALIVE_ASKS:
		if (keepalive_allowed(&d->answers, clock_mono_ms()) && gre_out_allowed(d, &raw->peer)) {
			/* From where it is: slots of packets to be sent are those of packets that were received. */
			answer.p = (uint8_t *)gre.p;
			answer.len = gre.len;
			if (raw_send(&d->raw, &answer, 1) == 1) {
				d->n.out++;
				d->n.out_bytes += answer.len;
			}
			return (true);
		}
		break;
	case KEEPALIVE_BAD:
		break;
	}
	d->n.drops[GRE_DROP_KEEPALIVE]++;
	return (true);
}
