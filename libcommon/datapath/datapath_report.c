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
	/* These are about the peer, or about many SAs. */
	r->event.has_spi_in = r->event.what != SA_EVENT_HAS && r->event.what != SA_EVENT_TRAFFIC;
	memcpy(r->event.spi_in, spi_in, sizeof(r->event.spi_in));
	if (sa_encode(&cbor, r, NULL) == 0)
		ports_send_record(dp->ports, secret_span(&cbor));
	secret_free(&cbor);
}

/* What ${pair} has carried. */
static void
count_put(struct sa_event *e, const struct esp_pair *pair)
{
	const struct esp_count in = esp_sa_carried(&pair->in), out = esp_sa_carried(&pair->out);

	e->has_count = true;
	e->bytes_in = in.bytes;
	e->bytes_out = out.bytes;
	e->packets_in = in.packets;
	e->packets_out = out.packets;
}

void
dp_event(struct datapath *dp, const struct esp_pair *pair, enum sa_event_kind what)
{
	struct sa_rec r = { .type = SA_EVENT, .event = { .what = what, .has_remote = true,
	    .remote = pair->out.dst } };

	if (what == SA_EVENT_COUNT)
		count_put(&r.event, pair);
	dp_event_send(dp, &r, pair->in.spi);
}

void
dp_traffic_put(uint8_t p[SA_TRAFFIC_LEN], const struct esp_pair *pair)
{
	struct sa_event e = {0};

	memcpy(e.spi_in, pair->in.spi, sizeof(e.spi_in));
	count_put(&e, pair);
	sa_traffic_put(p, &e);
}

void
dp_traffic_send(struct datapath *dp, size_t n)
{
	static const uint8_t none[4];
	struct sa_rec r = { .type = SA_EVENT, .event = { .what = SA_EVENT_TRAFFIC,
	    .sas = span_of(dp->traffic, n * SA_TRAFFIC_LEN) } };

	dp_event_send(dp, &r, none);
}
