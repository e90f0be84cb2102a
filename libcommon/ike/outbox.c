#include "ike/outbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct ike_out *
put(struct ike_outbox *o, enum ike_out_kind kind)
{
	struct ike_out *item;

	if (o == NULL)
		return (NULL);
	if ((item = calloc(1, sizeof(*item))) == NULL) {
		o->short_of_memory = true;
		return (NULL);
	}
	item->kind = kind;
	if (o->last == NULL)
		o->last = &o->first;
	*o->last = item;
	o->last = &item->next;
	return (item);
}

void
outbox_datagram(struct ike_outbox *o, const struct endpoint *local,
    const struct endpoint *remote, struct span data)
{
	struct ike_out *item = put(o, IKE_OUT_DATAGRAM);

	if (item == NULL)
		return;
	item->dgram.local = *local;
	item->dgram.remote = *remote;
	if ((item->dgram.data = malloc(data.len)) == NULL) {
		o->short_of_memory = true;	/* an empty datagram is not sent */
		return;
	}
	memcpy(item->dgram.data, data.p, data.len);
	item->dgram.len = data.len;
}

void
outbox_keepalive(struct ike_outbox *o, const struct endpoint *local,
    const struct endpoint *remote)
{
	struct ike_out *item = put(o, IKE_OUT_KEEPALIVE);

	if (item == NULL)
		return;
	item->dgram.local = *local;
	item->dgram.remote = *remote;
}

void
outbox_record(struct ike_outbox *o, const struct sa_rec *rec)
{
	struct ike_out *item = put(o, IKE_OUT_RECORD);

	if (item != NULL && sa_rec_copy(&item->rec, rec) != 0)
		o->short_of_memory = true;
}

void
outbox_note(struct ike_outbox *o, enum ike_note_level level, const char *fmt, ...)
{
	struct ike_out *item = put(o, IKE_OUT_NOTE);
	va_list ap;
	int len;

	if (item == NULL)
		return;
	item->note.level = level;
	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0 || (item->note.text = malloc((size_t)len + 1)) == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(item->note.text, (size_t)len + 1, fmt, ap);
	va_end(ap);
}

void
outbox_verdict(struct ike_outbox *o, enum ike_verdict what, const uint8_t id[16],
    uint32_t mid, const struct fault *why)
{
	struct ike_out *item = put(o, IKE_OUT_VERDICT);

	if (item == NULL)
		return;
	item->verdict.what = what;
	memcpy(item->verdict.id, id, sizeof(item->verdict.id));
	item->verdict.mid = mid;
	if (why != NULL)
		item->verdict.why = *why;
}

struct ike_out *
outbox_take(struct ike_outbox *o)
{
	struct ike_out *item = o->first;

	if (item == NULL)
		return (NULL);
	o->first = item->next;
	if (o->first == NULL)
		o->last = &o->first;
	item->next = NULL;
	return (item);
}

void
ike_out_free(struct ike_out *item)
{
	if (item == NULL)
		return;
	if (item->kind == IKE_OUT_DATAGRAM)
		free(item->dgram.data);
	else if (item->kind == IKE_OUT_RECORD)
		sa_rec_wipe(&item->rec);
	else if (item->kind == IKE_OUT_NOTE)
		free(item->note.text);
	free(item);
}

void
outbox_free(struct ike_outbox *o)
{
	struct ike_out *item;

	while ((item = outbox_take(o)) != NULL)
		ike_out_free(item);
}
