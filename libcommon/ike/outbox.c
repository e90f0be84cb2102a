/* The queue of a machine's actions; each item is only as large as its kind needs. */
#include "ike/outbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void
append(struct ike_outbox *o, struct ike_out *item)
{
	if (o->last == NULL)
		o->last = &o->first;
	*o->last = item;
	o->last = &item->next;
}

/* Moves ${item}, the last one, before the first datagram. */
static void
advance(struct ike_outbox *o, struct ike_out *item)
{
	struct ike_out **at = &o->first, **last;

	while (*at != item && (*at)->kind != IKE_OUT_DATAGRAM)
		at = &(*at)->next;
	if (*at == item)
		return;
	for (last = at; *last != item;)
		last = &(*last)->next;
	*last = NULL;
	o->last = last;
	item->next = *at;
	*at = item;
}

/* An item with ${extra} bytes behind it. */
static struct ike_out *
put(struct ike_outbox *o, enum ike_out_kind kind, size_t extra)
{
	struct ike_out *item;

	if (o == NULL)
		return (NULL);
	if ((item = malloc(sizeof(*item) + extra)) == NULL) {
		o->short_of_memory = true;
		return (NULL);
	}
	*item = (struct ike_out){ .kind = kind };
	append(o, item);
	return (item);
}

void
outbox_datagram(struct ike_outbox *o, const struct endpoint *local,
    const struct endpoint *remote, struct span data)
{
	struct ike_out *item = put(o, IKE_OUT_DATAGRAM, data.len);

	if (item == NULL)
		return;
	item->dgram.local = *local;
	item->dgram.remote = *remote;
	item->dgram.len = data.len;
	item->dgram.data = (uint8_t *)(item + 1);
	if (data.len > 0)
		memcpy(item + 1, data.p, data.len);
}

void
outbox_keepalive(struct ike_outbox *o, const struct endpoint *local,
    const struct endpoint *remote)
{
	struct ike_out *item = put(o, IKE_OUT_KEEPALIVE, 0);

	if (item == NULL)
		return;
	item->dgram.local = *local;
	item->dgram.remote = *remote;
}

struct sa_rec *
outbox_record_as(struct ike_outbox *o, enum ike_out_kind kind, enum sa_type type)
{
	struct sa_rec *rec;
	struct ike_out *item;

	if (o == NULL)
		return (NULL);
	if ((rec = calloc(1, sa_rec_size(type))) == NULL) {
		o->short_of_memory = true;
		return (NULL);
	}
	if ((item = put(o, kind, 0)) == NULL) {
		free(rec);
		return (NULL);
	}
	rec->type = type;
	item->rec = rec;
	/* The engine establishes an IKE SA after it has made the message by which the peer does. */
	if (kind == IKE_OUT_RECORD && (type == SA_IKE || type == SA_CHILD))
		advance(o, item);
	return (rec);
}

struct sa_rec *
outbox_record(struct ike_outbox *o, enum sa_type type)
{
	return (outbox_record_as(o, IKE_OUT_RECORD, type));
}

void
outbox_record_secret(struct ike_outbox *o, struct secret *to, const struct secret *from)
{
	if (secret_set(to, secret_span(from)) != 0)
		o->short_of_memory = true;
}

static void
put_note(struct ike_outbox *o, enum ike_note_level level, size_t peer_len, const char *fmt, va_list ap)
{
	struct ike_out *item;
	char *text;
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0 || (item = put(o, IKE_OUT_NOTE, (size_t)len + 1)) == NULL)
		return;
	text = (char *)(item + 1);
	(void)vsnprintf(text, (size_t)len + 1, fmt, ap);
	item->note.level = level;
	item->note.text = text;
	item->note.peer_len = peer_len <= (size_t)len ? peer_len : 0;
	item->note.kind = fmt;
}

void
outbox_note(struct ike_outbox *o, enum ike_note_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_note(o, level, 0, fmt, ap);
	va_end(ap);
}

void
outbox_note_peer(struct ike_outbox *o, enum ike_note_level level, const char *peer, const char *fmt, ...)
{
	size_t n = strlen(peer);
	va_list ap;

	va_start(ap, fmt);
	put_note(o, level, n > 2 && strcmp(peer + n - 2, ": ") == 0 ? n - 2 : n, fmt, ap);
	va_end(ap);
}

void
outbox_verdict(struct ike_outbox *o, enum ike_verdict what, const uint8_t id[16],
    uint32_t mid, const struct fault *why)
{
	static const struct fault none;
	struct ike_out *item = put(o, IKE_OUT_VERDICT, why != NULL ? sizeof(*why) : 0);

	if (item == NULL)
		return;
	item->verdict.what = what;
	memcpy(item->verdict.id, id, sizeof(item->verdict.id));
	item->verdict.mid = mid;
	item->verdict.why = why != NULL ? memcpy(item + 1, why, sizeof(*why)) : &none;
}

void
outbox_move(struct ike_outbox *o, struct ike_outbox *from, bool sent_only)
{
	struct ike_out *item;

	while ((item = outbox_take(from)) != NULL)
		if (o == NULL || (sent_only && item->kind != IKE_OUT_DATAGRAM))
			ike_out_free(item);
		else
			append(o, item);
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
	if (item->kind == IKE_OUT_RECORD || item->kind == IKE_OUT_KEYS || item->kind == IKE_OUT_FAILED_SA) {
		sa_rec_wipe(item->rec);
		free(item->rec);
	}
	free(item);
}

void
outbox_free(struct ike_outbox *o)
{
	struct ike_out *item;

	while ((item = outbox_take(o)) != NULL)
		ike_out_free(item);
}
