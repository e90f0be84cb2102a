/* What the data path reports: notes and errors to its owner, events to the negotiator. */
#include <stdarg.h>
#include <stdio.h>

#include "datapath/datapath_priv.h"
#include "sa/codec.h"

void
dp_note(struct datapath *dp, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (dp->calls.note == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dp->calls.note(dp->ctx, level, text);
}

void
dp_warn(struct datapath *dp, const struct fault *f)
{
	if (dp->calls.trouble != NULL)
		dp->calls.trouble(dp->ctx, f);
}

void
dp_event_send(struct datapath *dp, struct sa_rec *r, const uint8_t spi_in[4])
{
	struct secret cbor = {0};

	if (dp->ports == NULL)
		return;
	r->event.time = clock_now(&dp->clock).epoch;
	(void)snprintf(r->event.source, sizeof(r->event.source), "esp-tun");
	r->event.has_spi_in = r->event.what != SA_EVENT_HAS;	/* that is about the peer */
	memcpy(r->event.spi_in, spi_in, sizeof(r->event.spi_in));
	if (sa_encode(&cbor, r, NULL) == 0)
		ports_send_record(dp->ports, secret_span(&cbor));
	secret_free(&cbor);
}

void
dp_event(struct datapath *dp, const struct esp_pair *pair, enum sa_event_kind what)
{
	struct sa_rec r = { .type = SA_EVENT, .event = { .what = what, .has_remote = true,
	    .remote = pair->out.dst } };

	dp_event_send(dp, &r, pair->in.spi);
}
