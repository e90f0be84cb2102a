/* What the GRE device reports: notes and counters. */
#include <stdarg.h>
#include <stdio.h>

#include "gre/device_priv.h"

void
gre_note(struct gre_device *d, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->calls->note(d->ctx, level, text);
}

void
gre_device_stats(const struct gre_device *d, void (*line)(void *ctx, const char *text), void *ctx)
{
	static const char *const why[] = {
#define GRE_DROP_TEXT(drop, text, word) [GRE_DROP_##drop] = text,
		GRE_DROP_TABLE(GRE_DROP_TEXT)
#undef GRE_DROP_TEXT
	};
	char text[256];

	(void)snprintf(text, sizeof(text), "%s: in %llu packets, %llu bytes; out %llu packets, %llu bytes", d->info.tun,
	    (unsigned long long)d->n.in, (unsigned long long)d->n.in_bytes, (unsigned long long)d->n.out, (unsigned long long)d->n.out_bytes);
	line(ctx, text);
	(void)snprintf(text, sizeof(text), "%s: NHRP in %llu, out %llu; %llu samples; %zu bindings", d->info.tun,
	    (unsigned long long)d->n.nhrp_in, (unsigned long long)d->n.nhrp_out, (unsigned long long)d->n.samples, d->bindings.n);
	line(ctx, text);
	for (size_t i = 0; i < GRE_DROPS; i++) {
		if (d->n.drops[i] == 0)
			continue;
		(void)snprintf(text, sizeof(text), "%s: dropped %s, %s: %llu", d->info.tun, i < GRE_DROP_NEIGHBOUR ? "in" : "out", why[i],
		    (unsigned long long)d->n.drops[i]);
		line(ctx, text);
	}
}
