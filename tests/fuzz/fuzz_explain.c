/*
 * Hostile datagrams into the walk and the key check: each behind two bytes of length and one of who sends it, as in
 * fuzz_dissect.c. The first byte of the input chooses what is known: a pre-shared key, g^xy, SA state. Values are
 * complete and notes are printable, or the walk ends. All of it goes into a page and a drawing, which are printable too, and
 * whose elements end where they should, also where the page is full.
 */
#include <stdlib.h>

#include "explain/check.h"
#include "explain/walk.h"
#include "page/page.h"
#include "must.h"

static struct sa_set *
keys(void)
{
	static struct sa_set *set;
	struct sa_rec r = { .type = SA_IKE };
	uint8_t bytes[32] = { 1, 2, 3 };

	if (set != NULL)
		return (set);
	(void)secret_init();
	must((set = sa_set_new()) != NULL);
	memset(r.ike.spi_i, 'i', 8);
	memset(r.ike.spi_r, 'r', 8);
	memcpy(r.ike.encryption, "aes-cbc", 8);
	memcpy(r.ike.hash, "sha256", 7);
	memcpy(r.ike.group, "modp2048", 9);
	r.ike.key_bits = 128;
	r.ike.iv_len = 16;
	r.ike.lifetime.expires = UINT64_MAX;
	must(secret_set(&r.ike.skeyid, SPAN_ARRAY(bytes)) == 0 &&
	    secret_set(&r.ike.skeyid_d, SPAN_ARRAY(bytes)) == 0 &&
	    secret_set(&r.ike.skeyid_a, SPAN_ARRAY(bytes)) == 0 &&
	    secret_set(&r.ike.cipher, span_of(bytes, 16)) == 0);
	must(sa_set_apply(set, 0, &r, NULL, NULL, NULL) == SA_DONE);
	sa_rec_wipe(&r);
	return (set);
}

static void
printable(const char *p)
{
	for (; *p != '\0'; p++)
		must(*p >= 0x20 && *p < 0x7f);
}

/* How often ${what} is in ${o}, as a whole word. */
static size_t
count(const struct out *o, const char *what)
{
	const char *p = o->p, *end = o->p + o->len;
	const size_t n = strlen(what);
	size_t found = 0;

	while ((p = memmem(p, (size_t)(end - p), what, n)) != NULL) {
		p += n;
		found += what[n - 1] == '>' || (p < end && (*p == '>' || *p == ' '));
	}
	return (found);
}

static void
balanced(const struct out *o)
{
	static const char *const elements[][2] = {
		{ "<details", "</details>" }, { "<summary", "</summary>" }, { "<section", "</section>" }, { "<ol", "</ol>" },
		{ "<li", "</li>" }, { "<ul", "</ul>" }, { "<table", "</table>" }, { "<tr", "</tr>" }, { "<td", "</td>" },
		{ "<svg", "</svg>" }, { "<g>", "</g>" }, { "<text", "</text>" }, { "<div", "</div>" }, { "<code", "</code>" },
	};
	size_t i;

	for (i = 0; i < o->len; i++)
		must(o->p[i] == '\n' || (o->p[i] >= 0x20 && o->p[i] < 0x7f));
	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		must(count(o, elements[i][0]) == count(o, elements[i][1]));
	must(count(o, "<script") == 0 && count(o, "<label>") == 0 && count(o, "<remark>") == 0);
}

static void
finish(struct page *page)
{
	const struct page_ends ends = { "<title>", "now", "<sum>" };
	struct out o;

	must(page_html(page, &ends, &o, NULL) == 0);
	balanced(&o);
	must(count(&o, "</html>") == 1);
	out_free(&o);
	must(page_svg(page, &ends, &o, NULL) == 0);
	balanced(&o);
	out_free(&o);
	page_free(page);
}

static int
each(void *arg, const struct walk_message *m, struct fault *f)
{
	const struct step *s;
	size_t i, j;

	const struct page_at at = {
		.number = m->seen->number, .seconds = 0.001 * (double)m->seen->number, .src = m->seen->src, .dst = m->seen->dst,
	};

	(void)f;
	must(m->told->sa > 0);
	if (m->seen->number % 16 == 15)
		page_event(arg, &at, (enum page_kind)(m->seen->number % 3), "<label>", "<line>\n<line>\n");
	page_message(arg, &at, m->told, m->values, "<remark>\n");
	for (j = 0; j < m->values->n; j++) {
		s = &m->values->v[j];
		must(s->name != NULL && (s->missing[0] != '\0' || s->formula != NULL));
		printable(s->note);
		printable(s->of);
		for (i = 0; i < s->n; i++)
			must(s->in[i].name != NULL && s->in[i].from < s->number);
		must(s->n_held <= STEP_HELD);
	}
	return (0);
}

/* The next datagram of ${data} in memory of its own; NULL: none is left. */
static uint8_t *
next(const uint8_t **data, size_t *size, struct v1_seen *in)
{
	static const struct endpoint ends[2] = {
		{ { 4, { 192, 0, 2, 1 }, 0 }, 500 }, { { 4, { 192, 0, 2, 2 }, 0 }, 500 },
	};
	uint8_t *copy;
	size_t len;

	if (*size < 3)
		return (NULL);
	len = get_be16(*data);
	in->number++;
	in->src = ends[(*data)[2] & 1];
	in->dst = ends[((*data)[2] >> 1) & 1];
	in->src.port = (uint16_t)(in->src.port + ((*data)[2] >> 4));
	in->lost = ((*data)[2] & 4) != 0 ? 7 : 0;
	*data += 3;
	*size -= 3;
	len = len < *size ? len : *size;
	copy = malloc(len > 0 ? len : 1);
	must(copy != NULL);
	if (len > 0)
		memcpy(copy, *data, len);
	in->data = span_of(copy, len);
	*data += len;
	*size -= len;
	return (copy);
}

static void
set(struct calc *c, enum val v, const char *text)
{
	must(calc_set(c, v, span_str(text), NULL) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sa_set *state = keys();
	struct steps steps = {0};
	struct calc values = { .sub = SUB_WALK, .steps = &steps }, c = { .sub = SUB_CHECK };
	struct walk_given given = { .values = &values };
	struct v1_seen in = {0};
	struct check *k = check_new(SPAN_NONE);
	struct page *page;
	struct walk *w;
	struct fault f;
	uint8_t *copy, how;

	if (size == 0) {
		check_free(k);
		return (0);
	}
	c.steps = &steps;
	how = *data;
	if ((how & 1) != 0)
		set(&values, V_PSK, "key");
	if ((how & 2) != 0)
		set(&values, V_GXY, "shared");
	if ((how & 4) != 0)
		set(&values, V_SKEYID, "of the options");
	given.state = (how & 8) != 0 ? state : NULL;
	must(k != NULL && (w = walk_new(&given)) != NULL);
	/* With bit 32 the page is soon full. */
	page = page_new(&(struct page_opts){
		.html = true, .svg = true, .reveal = (how & 16) != 0, .bytes = (how & 32) != 0 ? 6000 : (size_t)1 << 16,
		.rows = (how & 64) != 0 ? 3 : 0,
	});
	must(page != NULL);
	for (data++, size--; (copy = next(&data, &size, &in)) != NULL; free(copy)) {
		must(walk_datagram(w, &in, each, page, &f) == 0);
		must(check_datagram(k, &in, &f) == 0);
	}
	walk_free(w);
	finish(page);
	set(&c, V_PSK, "key");
	if ((how & 2) != 0)
		set(&c, V_GXY, "shared");
	(void)check_end(k, &c, &f);
	check_free(k);
	calc_wipe(&c);
	calc_wipe(&values);
	steps_clear(&steps);
	return (0);
}
