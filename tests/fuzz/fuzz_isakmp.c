/*
 * Hostile datagrams: whatever decodes is looked at whole, and what can be written again has to
 * read back the same.
 */

#include "wire/id.h"
#include "wire/isakmp.h"
#include "wire/vid.h"
#include "must.h"

static uint8_t out[ISAKMP_MSG_MAX + 1];

static void
try_sa(struct span body)
{
	static struct isakmp_sa sa, back;
	struct isakmp_attrs a;
	struct wr w = wr_of(out, sizeof(out));
	size_t i;

	if (isakmp_sa_get(&sa, body, NULL) != 0)
		return;
	for (i = 0; i < sa.nt; i++)
		(void)isakmp_attrs_get(&a, sa.t[i].attrs, NULL);
	isakmp_sa_put(&w, &sa);
	/* Reserved bytes come out as zeros; all else is the same. */
	must(!w.bad && w.len == body.len);
	must(isakmp_sa_get(&back, wr_span(&w), NULL) == 0);
	must(back.np == sa.np && back.nt == sa.nt);
	for (i = 0; i < sa.nt; i++)
		must(sa.t[i].num == back.t[i].num && sa.t[i].id == back.t[i].id &&
		    span_eq(sa.t[i].attrs, back.t[i].attrs));
	for (i = 0; i < sa.np; i++)
		must(sa.p[i].num == back.p[i].num && sa.p[i].proto == back.p[i].proto &&
		    sa.p[i].n == back.p[i].n && span_eq(sa.p[i].spi, back.p[i].spi));
}

static void
try_id(struct span body)
{
	static struct id id, back;
	static char text[ID_TEXT];
	struct fault f;
	struct wr w = wr_of(out, sizeof(out));
	const char *word;

	if (id_get(&id, body, NULL) != 0)
		return;
	id_put(&w, &id);
	must(span_eq(wr_span(&w), body));
	must(id_parse(&back, id_text(text, &id), &f) == 0 && id_eq(&id, &back));
	if ((word = id_type_word(id.type)) != NULL)
		must(id_from_words(&back, word, id_value(text, &id), &f) == 0 &&
		    id_eq(&id, &back));
}

static void
try_notify(struct span body)
{
	struct isakmp_notify n;
	struct isakmp_delete d;
	struct wr w = wr_of(out, sizeof(out));

	if (isakmp_notify_get(&n, body, NULL) == 0) {
		isakmp_notify_put(&w, &n);
		must(span_eq(wr_span(&w), body));
	}
	w = wr_of(out, sizeof(out));
	if (isakmp_delete_get(&d, body, NULL) == 0) {
		isakmp_delete_put(&w, &d);
		must(span_eq(wr_span(&w), body));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct isakmp_msg m;
	struct isakmp_builder b;
	static uint8_t buf[ISAKMP_MSG_MAX + 1];
	struct span s = span_of(data, size);
	size_t i;

	if (size > ISAKMP_MSG_MAX)
		return (0);
	/* The whole input as each body too, which spares the fuzzer the framing. */
	try_sa(s);
	try_id(s);
	try_notify(s);
	(void)vid_find(s);
	if (isakmp_msg_get(&m, s, NULL) != 0)
		return (0);
	isakmp_begin(&b, buf, sizeof(buf), &m.hdr);
	for (i = 0; i < m.n; i++) {
		isakmp_payload_put(&b, m.pl[i].type, m.pl[i].body);
		switch (m.pl[i].type) {
		case PAYLOAD_SA:
			try_sa(m.pl[i].body);
			break;
		case PAYLOAD_ID:
			try_id(m.pl[i].body);
			break;
		case PAYLOAD_N:
		case PAYLOAD_D:
			try_notify(m.pl[i].body);
			break;
		case PAYLOAD_VID:
			(void)vid_find(m.pl[i].body);
			break;
		}
	}
	if ((m.hdr.flags & ISAKMP_FLAG_ENCRYPTED) == 0)
		must(isakmp_end(&b).len + m.trailer.len == m.raw.len);
	return (0);
}
