/* Which peers of a GRE device are in use: told to the tool that wants to know. */
#include "gre/device_priv.h"

#define USE_S	1.	/* from the first packet to the message about it */

static void
on_use(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct gre_device *d = w->data;
	uint8_t b[GRE_ATTACH_MAX];
	const struct gre_msg m = { .kind = GRE_MSG_USED, .data = span_of(b, uses_take(&d->uses, b)) };

	(void)loop, (void)revents;
	(void)gre_hub_give(d->hub, &m);
}

void
gre_use_init(struct gre_device *d)
{
	ev_timer_init(&d->use, on_use, 0., 0.);
	d->use.data = d;
}

void
gre_used(struct gre_device *d, const struct addr *nbma)
{
	if (!gre_hub_uses(d->hub) || !uses_add(&d->uses, nbma))
		return;
	ev_timer_set(&d->use, USE_S, 0.);
	ev_timer_start(d->loop, &d->use);
}
