/* Delivers datagrams, errors, records and notes to the user of a port. */
#include "port/port_deliver.h"

#include <stdarg.h>
#include <stdio.h>

void
port_note(struct port *p, bool warning, const char *fmt, ...)
{
	char text[256], at[ENDPOINT_TEXT];
	size_t n;
	va_list ap;

	if (p->set->calls.note == NULL)
		return;
	n = (size_t)snprintf(text, sizeof(text), "%s %s: ", port_proto(p->role), endpoint_text(at, &p->bound));
	va_start(ap, fmt);
	(void)vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	p->set->calls.note(p->set->ctx, warning, text);
}

void
port_flush_esp(struct ports *set)
{
	size_t n = set->nesp;

	set->nesp = 0;
	set->stray = false;
	if (n > 0 && set->calls.esp != NULL)
		set->calls.esp(set->ctx, set->esp, n);
}

static void
deliver_esp(struct port *p, const struct port_msg *m)
{
	struct ports *set = p->set;
	union { const uint8_t *c; uint8_t *v; } bytes = { m->body.p };
	struct pkt d[64];
	size_t off, n = 0, seg = m->seg != 0 ? m->seg : m->body.len;

	if (set->calls.esp == NULL)
		return;
	for (off = 0; off < m->body.len; off += seg) {
		d[n++] = (struct pkt){ .local = m->local, .remote = m->remote,
		    .ifindex = m->ifindex, .tos = m->tos, .proto = port_carrier(p),
		    .marker = port_marker_esp(p), .p = bytes.v + off,
		    .len = m->body.len - off < seg ? m->body.len - off : seg };
		if (n == 64 || off + seg >= m->body.len) {
			set->calls.esp(set->ctx, d, n);
			n = 0;
		}
	}
}

/* A record arrives on each shared port: it is delivered once. */
static void
deliver_record(struct ports *set, const struct port_msg *m)
{
	uint64_t origin = get_be64(m->body.p);
	size_t i;

	for (i = 0; i < sizeof(set->seen) / sizeof(set->seen[0]); i++)
		if (set->seen[i].origin == origin && set->seen[i].seq == m->number)
			return;
	i = set->nseen++ % (sizeof(set->seen) / sizeof(set->seen[0]));
	set->seen[i].origin = origin;
	set->seen[i].seq = m->number;
	if (set->calls.record != NULL && origin != set->origin)
		set->calls.record(set->ctx, span_of(m->body.p + 8, m->body.len - 8));
}

void
port_deliver(struct port *p, const struct port_msg *m)
{
	struct ports *set = p->set;
	union { const uint8_t *c; uint8_t *v; } bytes = { m->body.p };
	struct pkt d;

	switch (m->type) {
	case PM_IKE:
		d = (struct pkt){ .local = m->local, .remote = m->remote,
		    .ifindex = m->ifindex, .p = bytes.v, .len = m->body.len };
		if (set->calls.ike != NULL)
			set->calls.ike(set->ctx, &d);
		break;
	case PM_ESP:
		deliver_esp(p, m);
		break;
	case PM_UNREACH:
		if (set->calls.unreachable != NULL)
			set->calls.unreachable(set->ctx, &m->local, &m->remote,
			    (int)(m->number >> 32), (uint32_t)m->number);
		break;
	case PM_RECORD:
		deliver_record(set, m);
		break;
	}
}
