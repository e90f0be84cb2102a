/* Encodes SA records as deterministic CBOR by the tables of fields.h. */
#include <assert.h>
#include <cbor.h>

#include "base/uint.h"
#include "sa/codec.h"
#include "sa/fields.h"
#include "sa/item.h"

_Static_assert(sizeof(enum sa_role) == sizeof(unsigned) &&
    sizeof(enum sa_event_kind) == sizeof(unsigned) && sizeof(enum sa_reason) == sizeof(unsigned),
    "enums are stored as unsigned");

#define USUAL_BYTES	2048	/* that most records fit in: all bytes of a secret are cleared at its end */

struct enc {
	uint8_t	*p;
	size_t	 cap, len;
	bool	 full;
};

static void encode_map(struct enc *e, const struct field *rows, const void *base);

/* Counts the bytes that libcbor wrote at the end; 0 means that there was no room. */
static void
took(struct enc *e, size_t n)
{
	e->full = e->full || n == 0;
	e->len += n;
}

#define PUT(e, call, v)	took((e), (e)->full ? 0 : call((v), (e)->p + (e)->len, (e)->cap - (e)->len))

static void
put_raw(struct enc *e, struct span v)
{
	e->full = e->full || v.len > e->cap - e->len;
	if (e->full || v.len == 0)
		return;
	memcpy(e->p + e->len, v.p, v.len);
	e->len += v.len;
}

static void
put_bytes(struct enc *e, struct span v)
{
	PUT(e, cbor_encode_bytestring_start, v.len);
	put_raw(e, v);
}

/* Text from a peer (a banner) may contain any bytes: replaces invalid UTF-8 with '?'. */
static void
put_text(struct enc *e, const char *text)
{
	struct span left = span_str(text);
	size_t n;

	PUT(e, cbor_encode_string_start, left.len);
	while (left.len > 0) {
		n = item_utf8_char(left);
		put_raw(e, n > 0 ? span_of(left.p, n) : span_str("?"));
		n = n > 0 ? n : 1;
		left = span_of(left.p + n, left.len - n);
	}
}

static size_t
get_count(const struct field *row, const uint8_t *base)
{
	size_t n;

	memcpy(&n, base + row->also, sizeof(n));
	return (n);
}

static bool
get_flag(const uint8_t *p)
{
	bool v;

	memcpy(&v, p, sizeof(v));
	return (v);
}

/* The text of a FIELD_KIND. */
static const char *
kind_text(const struct field *row, const uint8_t *base)
{
	unsigned kind;

	memcpy(&kind, base + row->off, sizeof(kind));
	return (kind != 0 ? row->words[kind] : (const char *)base + row->also);
}

/* Whether the struct has a value for ${row}. */
static bool
has_value(const struct field *row, const uint8_t *base)
{
	const uint8_t *p = base + row->off;
	const struct field *sub;

	switch (row->kind) {
	case FIELD_WORD:
	case FIELD_CONST:
	case FIELD_ENUM:
	case FIELD_BYTES:
	case FIELD_NET:
	case FIELD_SELECTOR:
	case FIELD_VID:
		return (true);
	case FIELD_UINT:
		return (uint_get(p, row->size) != 0);
	case FIELD_SPI:
		return (get_be32(p) != 0);
	case FIELD_BOOL:
		return (get_flag(p));
	case FIELD_TEXT:
		return (p[0] != '\0');
	case FIELD_KIND:
		return (kind_text(row, base)[0] != '\0');
	case FIELD_VARBYTES:
		return (base[row->also] != 0);
	case FIELD_SPAN:
		return (((const struct span *)(const void *)p)->len != 0);
	case FIELD_SECRET:
		return (((const struct secret *)(const void *)p)->len != 0);
	case FIELD_ADDR:
		return (((const struct addr *)(const void *)p)->family != 0);
	case FIELD_ID:
		return (id_type_word(((const struct id *)(const void *)p)->type) != NULL);
	case FIELD_LIST:
		return (get_count(row, base) != 0);
	case FIELD_MAP:
		for (sub = row->rows; sub->key != NULL; sub++)
			if (has_value(sub, p))
				return (true);
		return (false);
	}
	return (false);
}

/* Whether ${row} is written: asked for, flagged as there, or (without a flag) not empty. */
static bool
is_written(const struct field *row, const uint8_t *base)
{
	if (row->need != NEED_NO)
		return (true);
	if (sa_field_has_flag(row))
		return (get_flag(base + row->also));
	return (has_value(row, base));
}

static void
encode_id(struct enc *e, const struct id *id)
{
	struct id_map m = { .der = SPAN_NONE };

	(void)strncpy(m.type, id_type_word(id->type), sizeof(m.type) - 1);
	(void)id_value(m.value, id);
	if (id->type == ID_DER_ASN1_DN)
		m.der = span_of(id->data, id->len);
	encode_map(e, sa_id_fields, &m);
}

static void
encode_selector(struct enc *e, const struct selector *s)
{
	struct selector_map m = { .net = *s, .proto = s->proto, .port = s->port,
		.port_end = s->port_end };

	m.has_port = s->port != 0 || s->port_end != 0;
	m.has_end = m.has_port && s->port_end != s->port;
	encode_map(e, sa_selector_fields, &m);
}

static void
encode_value(struct enc *e, const struct field *row, const uint8_t *base)
{
	const uint8_t *p = base + row->off;
	char text[SELECTOR_TEXT];
	unsigned word;
	size_t i, n;

	switch (row->kind) {
	case FIELD_WORD:
		put_text(e, row->words[0]);
		break;
	case FIELD_CONST:
		PUT(e, cbor_encode_uint, row->max);
		break;
	case FIELD_UINT:
		PUT(e, cbor_encode_uint, uint_get(p, row->size));
		break;
	case FIELD_SPI:
		PUT(e, cbor_encode_uint, get_be32(p));
		break;
	case FIELD_BOOL:
		PUT(e, cbor_encode_bool, get_flag(p));
		break;
	case FIELD_ENUM:
		memcpy(&word, p, sizeof(word));
		put_text(e, row->words[word]);
		break;
	case FIELD_TEXT:
		put_text(e, (const char *)p);
		break;
	case FIELD_KIND:
		put_text(e, kind_text(row, base));
		break;
	case FIELD_BYTES:
		put_bytes(e, span_of(p, row->size));
		break;
	case FIELD_VARBYTES:
		put_bytes(e, span_of(p, base[row->also]));
		break;
	case FIELD_VID:		/* a length in one byte, then the bytes */
		put_bytes(e, span_of(p + 1, p[0]));
		break;
	case FIELD_SPAN:
		put_bytes(e, *(const struct span *)(const void *)p);
		break;
	case FIELD_SECRET:
		put_bytes(e, secret_span((const struct secret *)(const void *)p));
		break;
	case FIELD_ADDR:
		put_text(e, addr_text(text, (const struct addr *)(const void *)p));
		break;
	case FIELD_NET:
		put_text(e, selector_net_text(text, (const struct selector *)(const void *)p));
		break;
	case FIELD_ID:
		encode_id(e, (const struct id *)(const void *)p);
		break;
	case FIELD_SELECTOR:
		encode_selector(e, (const struct selector *)(const void *)p);
		break;
	case FIELD_MAP:
		encode_map(e, row->rows, p);
		break;
	case FIELD_LIST:
		n = get_count(row, base);
		assert(n <= row->size / row->rows->size);
		PUT(e, cbor_encode_array_start, n);
		/* rows[0].off is that of the first element, wherever the list lies. */
		for (i = 0; i < n; i++)
			encode_value(e, row->rows, p + i * row->rows->size - row->rows->off);
		break;
	}
}

static void
encode_map(struct enc *e, const struct field *rows, const void *base)
{
	const struct field *row;
	size_t n = 0;

	for (row = rows; row->key != NULL; row++)
		n += is_written(row, base);
	PUT(e, cbor_encode_map_start, n);
	for (row = rows; row->key != NULL; row++) {
		if (!is_written(row, base))
			continue;
		put_text(e, row->key);
		encode_value(e, row, base);
	}
}

size_t
sa_encode_into(uint8_t *p, size_t cap, const struct sa_rec *r)
{
	const struct field *rows = sa_fields(r->type);
	struct enc e = { .p = p, .cap = cap };

	assert(rows != NULL);
	encode_map(&e, rows, sa_rec_body((struct sa_rec *)(uintptr_t)r));
	return (e.full ? 0 : e.len);
}

int
sa_encode(struct secret *out, const struct sa_rec *r, struct fault *f)
{
	static const size_t caps[] = { USUAL_BYTES, SA_REC_BYTES };
	size_t i, len = 0;

	for (i = 0; len == 0 && i < sizeof(caps) / sizeof(caps[0]); i++) {
		if (secret_make(out, caps[i]) == NULL)
			return (fault(f, FAULT_MEMORY, "no locked memory for an SA record"));
		len = sa_encode_into(out->p, caps[i], r);
	}
	if (len == 0) {
		secret_free(out);
		return (fault_because(f, CAUSE_RECORD_SIZE,
		    fault(f, FAULT_TOO_LARGE, "the %s record exceeds %d bytes",
		    sa_type_word(r->type), SA_REC_BYTES)));
	}
	secret_cut(out, len);
	if (out->len != len)
		return (fault(f, FAULT_MEMORY, "no locked memory for an SA record"));
	return (0);
}
