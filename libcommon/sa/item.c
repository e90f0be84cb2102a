/* Reads and checks single CBOR items. */
#include "sa/item.h"

#include <cbor.h>

/* Events of the streaming decoder, one a call, into the item. */

static void
set_n(void *ctx, enum item_kind kind, uint64_t n)
{
	struct item *it = ctx;

	it->kind = kind;
	it->n = n;
}

static void
set_string(void *ctx, enum item_kind kind, cbor_data p, size_t len)
{
	struct item *it = ctx;

	it->kind = kind;
	it->bytes = span_of(p, len);
}

static void
set_indefinite(void *ctx, enum item_kind kind)
{
	struct item *it = ctx;

	it->kind = kind;
	it->indefinite = true;
}

static void
set_real(void *ctx, double v)
{
	struct item *it = ctx;

	it->kind = ITEM_FLOAT;
	it->real = v;
}

static void on_uint8(void *c, uint8_t v) { set_n(c, ITEM_UINT, v); }
static void on_uint16(void *c, uint16_t v) { set_n(c, ITEM_UINT, v); }
static void on_uint32(void *c, uint32_t v) { set_n(c, ITEM_UINT, v); }
static void on_uint64(void *c, uint64_t v) { set_n(c, ITEM_UINT, v); }
static void on_negint8(void *c, uint8_t v) { set_n(c, ITEM_NEGINT, v); }
static void on_negint16(void *c, uint16_t v) { set_n(c, ITEM_NEGINT, v); }
static void on_negint32(void *c, uint32_t v) { set_n(c, ITEM_NEGINT, v); }
static void on_negint64(void *c, uint64_t v) { set_n(c, ITEM_NEGINT, v); }
static void on_bytes(void *c, cbor_data p, size_t len) { set_string(c, ITEM_BYTES, p, len); }
static void on_text(void *c, cbor_data p, size_t len) { set_string(c, ITEM_TEXT, p, len); }
static void on_bytes_start(void *c) { set_indefinite(c, ITEM_BYTES); }
static void on_text_start(void *c) { set_indefinite(c, ITEM_TEXT); }
static void on_array(void *c, size_t n) { set_n(c, ITEM_ARRAY, n); }
static void on_map(void *c, size_t n) { set_n(c, ITEM_MAP, n); }
static void on_array_start(void *c) { set_indefinite(c, ITEM_ARRAY); }
static void on_map_start(void *c) { set_indefinite(c, ITEM_MAP); }
static void on_tag(void *c, uint64_t v) { set_n(c, ITEM_TAG, v); }
static void on_float(void *c, float v) { set_real(c, (double)v); }
static void on_double(void *c, double v) { set_real(c, v); }
static void on_undefined(void *c) { set_n(c, ITEM_UNDEFINED, 0); }
static void on_null(void *c) { set_n(c, ITEM_NULL, 0); }
static void on_bool(void *c, bool v) { set_n(c, ITEM_BOOL, v); }
static void on_break(void *c) { set_n(c, ITEM_BREAK, 0); }

static const struct cbor_callbacks events = {
	.uint8 = on_uint8, .uint16 = on_uint16, .uint32 = on_uint32, .uint64 = on_uint64,
	.negint8 = on_negint8, .negint16 = on_negint16, .negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string = on_bytes, .byte_string_start = on_bytes_start,
	.string = on_text, .string_start = on_text_start,
	.array_start = on_array, .indef_array_start = on_array_start,
	.map_start = on_map, .indef_map_start = on_map_start,
	.tag = on_tag, .float2 = on_float, .float4 = on_float, .float8 = on_double,
	.undefined = on_undefined, .null = on_null, .boolean = on_bool, .indef_break = on_break,
};

int
item_get(struct item *it, struct span in, size_t off)
{
	struct cbor_decoder_result r;
	uint8_t head;

	*it = (struct item){ .at = off };
	if (off >= in.len)
		return (0);
	head = in.p[off];
	/* libcbor 0.8 rejects these, but they are well-formed: tags below 24, simple
	 * values without a meaning. */
	if (head >> 5 == 6 && (head & 31) < 24) {
		set_n(it, ITEM_TAG, head & 31);
		it->next = off + 1;
		return (1);
	}
	if (head >> 5 == 7 && (head & 31) < 20) {
		set_n(it, ITEM_SIMPLE, head & 31);
		it->next = off + 1;
		return (1);
	}
	if (head == 0xf8) {
		if (in.len - off < 2)
			return (0);
		if (in.p[off + 1] < 32)
			return (-1);
		set_n(it, ITEM_SIMPLE, in.p[off + 1]);
		it->next = off + 2;
		return (1);
	}
	r = cbor_stream_decode(in.p + off, in.len - off, &events, it);
	if (r.status == CBOR_DECODER_NEDATA)
		return (0);
	if (r.status != CBOR_DECODER_FINISHED || r.read == 0)
		return (-1);
	it->next = off + r.read;
	return (1);
}

size_t
item_utf8_char(struct span v)
{
	/* Lead byte to length, and the range of the second byte (RFC 3629 section 4). */
	static const struct { uint8_t lo, hi, len, second_lo, second_hi; } forms[] = {
		{ 0x00, 0x7f, 1, 0, 0 },
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	size_t i, k;

	for (i = 0; v.len > 0 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (v.p[0] < forms[i].lo || v.p[0] > forms[i].hi)
			continue;
		if (v.len < forms[i].len)
			return (0);
		if (forms[i].len > 1 &&
		    (v.p[1] < forms[i].second_lo || v.p[1] > forms[i].second_hi))
			return (0);
		for (k = 2; k < forms[i].len; k++)
			if ((v.p[k] & 0xc0) != 0x80)
				return (0);
		return (forms[i].len);
	}
	return (0);
}

bool
item_utf8(struct span v)
{
	size_t n;

	while (v.len > 0) {
		if ((n = item_utf8_char(v)) == 0)
			return (false);
		v = span_of(v.p + n, v.len - n);
	}
	return (true);
}

struct check {
	struct span	 in;
	size_t		 max;
	unsigned	 depth;		/* levels allowed */
	bool		 more;		/* the input ends too early */
	struct fault	*f;
};

/* The value of a key, independent of its encoding. */
struct key {
	enum item_kind	kind;
	uint64_t	n;
	struct span	bytes;
};

static bool check_value(struct check *c, size_t *off, unsigned level);

static bool
refuse(struct check *c, enum fault_code code, size_t at, const char *what)
{
	(void)fault_at(c->f, code, at, "%s", what);
	return (false);
}

static bool
too_large(struct check *c, size_t at)
{
	(void)fault_because(c->f, CAUSE_RECORD_SIZE,
	    fault_at(c->f, FAULT_TOO_LARGE, at, "the record is too large"));
	return (false);
}

static bool
check_get(struct check *c, struct item *it, size_t off)
{
	int rc = item_get(it, c->in, off);

	if (rc < 0)
		return (refuse(c, FAULT_BAD_RECORD, off, "not well-formed CBOR"));
	if (rc == 0) {
		c->more = true;
		return (false);
	}
	if (it->next > c->max)
		return (too_large(c, off));
	if (it->kind == ITEM_TEXT && !it->indefinite && !item_utf8(it->bytes))
		return (refuse(c, FAULT_BAD_RECORD, off, "text is not UTF-8"));
	return (true);
}

/* Chunks of an indefinite string: definite strings of its kind (RFC 8949 section 3.2.3). */
static bool
check_chunks(struct check *c, size_t *off, enum item_kind kind)
{
	struct item it;

	for (;; *off = it.next) {
		if (!check_get(c, &it, *off))
			return (false);
		if (it.kind == ITEM_BREAK)
			break;
		if (it.kind != kind || it.indefinite)
			return (refuse(c, FAULT_BAD_RECORD, *off, "not well-formed CBOR"));
	}
	*off = it.next;
	return (true);
}

static bool
check_key(struct check *c, struct key *keys, size_t *n, const struct item *it)
{
	struct key k = { it->kind, it->n, it->bytes };
	size_t i;

	if (it->kind > ITEM_TEXT || it->indefinite)
		return (refuse(c, FAULT_BAD_RECORD, it->at, "a key is no text of definite length"));
	if (*n == ITEM_KEYS_MAX)
		return (refuse(c, FAULT_TOO_LARGE, it->at, "too many keys in one map"));
	for (i = 0; i < *n; i++)
		if (keys[i].kind == k.kind && keys[i].n == k.n && span_eq(keys[i].bytes, k.bytes)) {
			if (k.kind == ITEM_TEXT)
				(void)fault_at(c->f, FAULT_BAD_RECORD, it->at,
				    "key \"%.*s\" comes twice", (int)(k.bytes.len < 64 ?
				    k.bytes.len : 64), (const char *)k.bytes.p);
			else
				(void)refuse(c, FAULT_BAD_RECORD, it->at, "a key comes twice");
			return (false);
		}
	keys[(*n)++] = k;
	return (true);
}

/* The entries of the array or map ${box} from ${off} on. */
static bool
check_entries(struct check *c, const struct item *box, size_t *off, unsigned level)
{
	struct key keys[ITEM_KEYS_MAX];
	size_t n_keys = 0;
	uint64_t i;
	struct item it;

	for (i = 0; box->indefinite || i < box->n; i++) {
		if (!check_get(c, &it, *off))
			return (false);
		if (box->indefinite && it.kind == ITEM_BREAK) {
			*off = it.next;
			return (true);
		}
		if (box->kind == ITEM_MAP) {
			if (!check_key(c, keys, &n_keys, &it))
				return (false);
			*off = it.next;
		}
		if (!check_value(c, off, level))
			return (false);
	}
	return (true);
}

static bool
check_value(struct check *c, size_t *off, unsigned level)
{
	struct item it;

	if (!check_get(c, &it, *off))
		return (false);
	switch (it.kind) {
	case ITEM_BREAK:
		return (refuse(c, FAULT_BAD_RECORD, *off, "not well-formed CBOR"));
	case ITEM_BYTES:
	case ITEM_TEXT:
		*off = it.next;
		return (!it.indefinite || check_chunks(c, off, it.kind));
	case ITEM_ARRAY:
	case ITEM_MAP:
	case ITEM_TAG:
		if (level == c->depth)
			return (refuse(c, FAULT_TOO_LARGE, *off, "nested too deeply"));
		/* Each entry has at least one byte: do not wait for entries that cannot follow. */
		if (it.kind != ITEM_TAG && !it.indefinite && it.n > c->max - it.next)
			return (too_large(c, *off));
		*off = it.next;
		if (it.kind == ITEM_TAG)
			return (check_value(c, off, level + 1));
		return (check_entries(c, &it, off, level + 1));
	default:
		*off = it.next;
		return (true);
	}
}

long
item_check(struct span in, size_t max, unsigned depth, struct fault *f)
{
	struct check c = { .in = in, .max = max, .depth = depth, .f = f };
	size_t off = 0;

	if (in.len == 0)
		return (0);
	/* Major type 5: seen in the first byte, before anything is waited for. */
	if (in.p[0] >> 5 != 5)
		return (fault_at(f, FAULT_BAD_RECORD, 0, "no SA record here: not a CBOR map"));
	if (check_value(&c, &off, 0))
		return ((long)off);
	if (!c.more)
		return (-1);
	if (in.len >= max)
		return (fault_because(f, CAUSE_RECORD_SIZE,
		    fault_at(f, FAULT_TOO_LARGE, 0, "the record is too large")));
	return (0);
}

/* Recurses, but no deeper than item_check() allowed. */
size_t
item_skip(struct span in, size_t off)
{
	struct item it, inner;
	uint64_t i, n;

	if (item_get(&it, in, off) != 1)
		return (in.len);
	off = it.next;
	if (it.indefinite) {
		while (item_get(&inner, in, off) == 1 && inner.kind != ITEM_BREAK)
			off = item_skip(in, off);
		return (inner.next > off ? inner.next : in.len);
	}
	n = it.kind == ITEM_ARRAY ? it.n : it.kind == ITEM_MAP ? 2 * it.n :
	    it.kind == ITEM_TAG ? 1 : 0;
	for (i = 0; i < n && off < in.len; i++)
		off = item_skip(in, off);
	return (off);
}
