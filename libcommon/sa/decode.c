/* Decodes SA records from CBOR by the tables of fields.h. */
#include <stdio.h>

#include "base/uint.h"
#include "sa/codec.h"
#include "sa/fields.h"
#include "sa/item.h"

#define MAP_INDEFINITE	0xbf	/* RFC 8949, 3.2.2 */

struct dec {
	struct span	 in;		/* one whole record that passed item_check() */
	const char	*type;		/* of the record, for messages */
	const char	*path[SA_REC_DEPTH];
	unsigned	 level;
	struct fault	*f;
};

static int decode_map(struct dec *d, const struct field *rows, uint8_t *base,
    const struct item *map);

/* "child-sa: key \"local.id.type\" ..." at ${at}; -1. */
static int
bad(struct dec *d, enum fault_code code, size_t at, const char *last, const char *what)
{
	char path[160] = "";
	size_t n = 0;
	unsigned i;

	for (i = 0; i < d->level && n < sizeof(path); i++)
		if (d->path[i][0] != '\0')
			n += (size_t)snprintf(path + n, sizeof(path) - n, "%s%s", n > 0 ? "." : "",
			    d->path[i]);
	if (last != NULL && n < sizeof(path))
		(void)snprintf(path + n, sizeof(path) - n, "%s%s", n > 0 ? "." : "", last);
	return (fault_at(d->f, code, at, "%s: key \"%s\" %s", d->type, path, what));
}

static int
wrong(struct dec *d, const struct item *it, const char *what)
{
	return (bad(d, FAULT_BAD_RECORD, it->at, NULL, what));
}

/* The value of the text key ${key} in the record's map; false if there is none. */
static bool
find(struct span in, const char *key, struct item *value)
{
	struct item map, k;
	size_t off;
	uint64_t i;

	(void)item_get(&map, in, 0);
	off = map.next;
	for (i = 0; i < map.n; i++) {
		(void)item_get(&k, in, off);
		if (k.kind == ITEM_TEXT && span_eq(k.bytes, span_str(key)))
			return (item_get(value, in, k.next) == 1);
		off = item_skip(in, k.next);
	}
	return (false);
}

/* Copies text to ${out} of ${cap} bytes, whole or (if it only informs) its front. */
static int
decode_text(struct dec *d, const struct field *row, const struct item *it, char *out, size_t cap)
{
	size_t i, n, len = it->bytes.len;

	if (len > 0 && memchr(it->bytes.p, '\0', len) != NULL)
		return (wrong(d, it, "has a NUL in its text"));
	if (len >= cap && !row->cut)
		return (wrong(d, it, "is too long"));
	for (i = 0; i < len; i += n) {
		n = item_utf8_char(span_of(it->bytes.p + i, len - i));
		if (i + n >= cap)
			break;
		memcpy(out + i, it->bytes.p + i, n);
	}
	out[i] = '\0';
	if (row->words == NULL || row->kind == FIELD_KIND)
		return (0);
	for (i = 0; row->words[i] != NULL; i++)
		if (strcmp(row->words[i], out) == 0)
			return (0);
	return (wrong(d, it, "has a value that is not known"));
}

/* A short text that is parsed; ${out} has room for SELECTOR_TEXT. */
static int
decode_word(struct dec *d, const struct item *it, char out[SELECTOR_TEXT])
{
	static const struct field any = { .key = "" };

	return (decode_text(d, &any, it, out, SELECTOR_TEXT));
}

static int
decode_enum(struct dec *d, const struct field *row, const struct item *it, uint8_t *p)
{
	unsigned i;

	for (i = 0; row->words[i] != NULL; i++)
		if (span_eq(it->bytes, span_str(row->words[i]))) {
			memcpy(p, &i, sizeof(i));
			return (0);
		}
	return (wrong(d, it, "has a value that is not known"));
}

/* A text that is kept where it is none of the words. */
static int
decode_kind(struct dec *d, const struct field *row, const struct item *it, uint8_t *base)
{
	unsigned i;

	for (i = 1; row->words[i] != NULL; i++)
		if (span_eq(it->bytes, span_str(row->words[i]))) {
			memcpy(base + row->off, &i, sizeof(i));
			return (0);
		}
	return (decode_text(d, row, it, (char *)base + row->also, row->size));
}

static int
decode_uint(struct dec *d, const struct field *row, const struct item *it, uint8_t *p)
{
	uint64_t max = row->size == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * row->size) - 1;

	if (it->n > max)
		return (wrong(d, it, "is too large a number"));
	uint_put(p, row->size, it->n);
	return (0);
}

static int
decode_id(struct dec *d, const struct item *it, struct id *id)
{
	struct id_map m = { .der = SPAN_NONE };
	uint8_t body[4 + ID_MAX] = { ID_DER_ASN1_DN };

	if (decode_map(d, sa_id_fields, (uint8_t *)&m, it) != 0)
		return (-1);
	/* The text of a DN is for people: string types are lost in it, "der" has them. */
	if (m.der.len > 0 && strcmp(m.type, "dn") == 0) {
		if (m.der.len > ID_MAX)
			return (wrong(d, it, "is too long"));
		memcpy(body + 4, m.der.p, m.der.len);
		if (id_get(id, span_of(body, 4 + m.der.len), NULL) != 0)
			return (wrong(d, it, "is no ID of its type"));
		return (0);
	}
	if (id_from_words(id, m.type, m.value, NULL) != 0)
		return (wrong(d, it, "is no ID of its type"));
	return (0);
}

static int
decode_selector(struct dec *d, const struct item *it, struct selector *s)
{
	struct selector_map m = {0};

	if (decode_map(d, sa_selector_fields, (uint8_t *)&m, it) != 0)
		return (-1);
	*s = m.net;
	s->proto = m.proto;
	s->port = m.port;
	s->port_end = m.has_end ? m.port_end : m.port;
	if (s->port_end < s->port)
		return (wrong(d, it, "has its first port above its last"));
	return (0);
}

static int
decode_vid(const struct item *it, uint8_t *p)
{
	size_t n = it->bytes.len < SA_VID_MAX ? it->bytes.len : SA_VID_MAX;

	p[0] = (uint8_t)n;
	if (n > 0)
		memcpy(p + 1, it->bytes.p, n);
	return (0);
}

/* The kind of CBOR item of a field, and its name for faults. */
static const struct { enum item_kind kind; const char *what; } forms[] = {
	[FIELD_WORD] = { ITEM_TEXT, "must be text" },
	[FIELD_CONST] = { ITEM_UINT, "must be an unsigned number" },
	[FIELD_UINT] = { ITEM_UINT, "must be an unsigned number" },
	[FIELD_SPI] = { ITEM_UINT, "must be an unsigned number" },
	[FIELD_BOOL] = { ITEM_BOOL, "must be true or false" },
	[FIELD_ENUM] = { ITEM_TEXT, "must be text" },
	[FIELD_TEXT] = { ITEM_TEXT, "must be text" },
	[FIELD_KIND] = { ITEM_TEXT, "must be text" },
	[FIELD_BYTES] = { ITEM_BYTES, "must be a byte string" },
	[FIELD_VARBYTES] = { ITEM_BYTES, "must be a byte string" },
	[FIELD_SPAN] = { ITEM_BYTES, "must be a byte string" },
	[FIELD_SECRET] = { ITEM_BYTES, "must be a byte string" },
	[FIELD_ADDR] = { ITEM_TEXT, "must be text" },
	[FIELD_NET] = { ITEM_TEXT, "must be text" },
	[FIELD_MAP] = { ITEM_MAP, "must be a map" },
	[FIELD_LIST] = { ITEM_ARRAY, "must be an array" },
	[FIELD_SELECTOR] = { ITEM_MAP, "must be a map" },
	[FIELD_ID] = { ITEM_MAP, "must be a map" },
	[FIELD_VID] = { ITEM_BYTES, "must be a byte string" },
};

static int decode_list(struct dec *d, const struct field *row, const struct item *it,
    uint8_t *base);

static int
decode_value(struct dec *d, const struct field *row, const struct item *it, uint8_t *base)
{
	uint8_t *p = base + row->off;
	char text[SELECTOR_TEXT];
	bool yes;

	if (it->kind != forms[row->kind].kind)
		return (wrong(d, it, forms[row->kind].what));
	if (it->indefinite)
		return (wrong(d, it, "must have a definite length"));
	switch (row->kind) {
	case FIELD_WORD:	/* seen before the rest was looked at */
	case FIELD_CONST:
		return (0);
	case FIELD_UINT:
		return (decode_uint(d, row, it, p));
	case FIELD_SPI:
		if (it->n > UINT32_MAX)
			return (wrong(d, it, "is too large a number"));
		put_be32(p, (uint32_t)it->n);
		return (0);
	case FIELD_BOOL:
		yes = it->n != 0;
		memcpy(p, &yes, sizeof(yes));
		return (0);
	case FIELD_ENUM:
		return (decode_enum(d, row, it, p));
	case FIELD_TEXT:
		return (decode_text(d, row, it, (char *)p, row->size));
	case FIELD_KIND:
		return (decode_kind(d, row, it, base));
	case FIELD_BYTES:
		if (it->bytes.len != row->size)
			return (wrong(d, it, "has the wrong length"));
		memcpy(p, it->bytes.p, row->size);
		return (0);
	case FIELD_VARBYTES:
		if (it->bytes.len == 0 || it->bytes.len > row->size)
			return (wrong(d, it, "has the wrong length"));
		memcpy(p, it->bytes.p, it->bytes.len);
		base[row->also] = (uint8_t)it->bytes.len;
		return (0);
	case FIELD_SPAN:
		memcpy(p, &it->bytes, sizeof(it->bytes));
		return (0);
	case FIELD_SECRET:
		if (it->bytes.len > FIELD_KEY_MAX || (it->bytes.len == 0 && row->need == NEED_YES))
			return (wrong(d, it, "has the wrong length"));
		if (secret_set((struct secret *)(void *)p, it->bytes) != 0)
			return (fault(d->f, FAULT_MEMORY, "no locked memory for the keys of an SA"));
		return (0);
	case FIELD_ADDR:
		if (decode_word(d, it, text) != 0)
			return (-1);
		if (addr_parse((struct addr *)(void *)p, text) != 0)
			return (wrong(d, it, "is no address"));
		return (0);
	case FIELD_NET:
		if (decode_word(d, it, text) != 0)
			return (-1);
		if (selector_parse((struct selector *)(void *)p, text) != 0)
			return (wrong(d, it, "is no network"));
		return (0);
	case FIELD_MAP:
		return (decode_map(d, row->rows, p, it));
	case FIELD_LIST:
		return (decode_list(d, row, it, base));
	case FIELD_SELECTOR:
		return (decode_selector(d, it, (struct selector *)(void *)p));
	case FIELD_ID:
		return (decode_id(d, it, (struct id *)(void *)p));
	case FIELD_VID:
		return (decode_vid(it, p));
	}
	return (-1);
}

static int
decode_list(struct dec *d, const struct field *row, const struct item *it, uint8_t *base)
{
	const struct field *elem = row->rows;
	size_t room = row->size / elem->size, n = 0, off = it->next;
	struct item v;
	int rc = 0;

	if (it->n < row->max)
		return (wrong(d, it, "must not be empty"));
	if (it->n > room && !row->cut)
		return (bad(d, FAULT_TOO_LARGE, it->at, NULL, "has too many entries"));
	d->path[d->level++] = "";
	for (; rc == 0 && n < it->n && n < room; n++) {
		(void)item_get(&v, d->in, off);
		rc = decode_value(d, elem, &v, base + row->off + n * elem->size - elem->off);
		off = item_skip(d->in, off);
	}
	d->level--;
	memcpy(base + row->also, &n, sizeof(n));
	return (rc);
}

static const struct field *
row_of(const struct field *rows, struct span key)
{
	const struct field *row;

	for (row = rows; row->key != NULL; row++)
		if (span_eq(key, span_str(row->key)))
			return (row);
	return (NULL);
}

static int
decode_map(struct dec *d, const struct field *rows, uint8_t *base, const struct item *map)
{
	const struct field *row;
	uint32_t seen = 0;	/* bit of each row; no table has more than 32 */
	bool yes = true;
	size_t off = map->next;
	struct item k, v;
	uint64_t i;

	for (i = 0; i < map->n; i++, off = item_skip(d->in, k.next)) {
		(void)item_get(&k, d->in, off);
		(void)item_get(&v, d->in, k.next);
		if (k.kind != ITEM_TEXT || (row = row_of(rows, k.bytes)) == NULL)
			continue;
		d->path[d->level++] = row->key;
		if (decode_value(d, row, &v, base) != 0)
			return (-1);
		d->level--;
		seen |= (uint32_t)1 << (row - rows);
		if (sa_field_has_flag(row))
			memcpy(base + row->also, &yes, sizeof(yes));
	}
	for (row = rows; row->key != NULL; row++)
		if (row->need == NEED_YES && (seen & (uint32_t)1 << (row - rows)) == 0)
			return (bad(d, FAULT_BAD_RECORD, map->at, row->key, "is missing"));
	return (0);
}

/* The type of the record, SA_NONE for one that is not ours to read; -1 on fault. */
static int
decode_type(struct dec *d)
{
	static const enum sa_type types[] = { SA_IKE, SA_CHILD, SA_DELETE, SA_EVENT, SA_STAT, SA_TUN_STAT,
	    SA_NHRP_BINDING, SA_NHRP_EVENT, SA_NEXT_HOP };
	struct item it;
	size_t i;

	d->type = "record";
	if (!find(d->in, "type", &it))
		return (bad(d, FAULT_BAD_RECORD, 0, "type", "is missing"));
	if (it.kind != ITEM_TEXT || it.indefinite)
		return (bad(d, FAULT_BAD_RECORD, it.at, "type", "must be text"));
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (span_eq(it.bytes, span_str(sa_type_word(types[i]))))
			break;
	if (i == sizeof(types) / sizeof(types[0]))
		return (SA_NONE);
	/* Under another format the other keys may mean anything: look at it first. */
	d->type = sa_type_word(types[i]);
	if (!find(d->in, "format", &it))
		return (bad(d, FAULT_BAD_RECORD, 0, "format", "is missing"));
	if (it.kind != ITEM_UINT)
		return (bad(d, FAULT_BAD_RECORD, it.at, "format", "must be an unsigned number"));
	if (it.n != SA_FORMAT)
		return (fault_at(d->f, FAULT_WRONG_VERSION, it.at,
		    "%s: the record has format %llu, this tool reads %d", d->type,
		    (unsigned long long)it.n, SA_FORMAT));
	if (types[i] != SA_IKE)
		return ((int)types[i]);
	if (!find(d->in, "version", &it))
		return (bad(d, FAULT_BAD_RECORD, 0, "version", "is missing"));
	if (it.kind != ITEM_UINT || it.n == 0)
		return (bad(d, FAULT_BAD_RECORD, it.at, "version", "must be a number above 0"));
	/* The keys of an IKEv2 SA are others. */
	return (it.n == 1 ? SA_IKE : SA_NONE);
}

long
sa_decode(struct sa_rec *r, struct span in, struct fault *f)
{
	struct dec d = { .f = f };
	struct item map;
	long len;
	int type;

	*r = (struct sa_rec){ .type = SA_NONE };
	/* Seen in the first byte: such a record need not come to an end. */
	if (in.len > 0 && in.p[0] == MAP_INDEFINITE)
		return (fault_at(f, FAULT_BAD_RECORD, 0, "the record must have a definite length"));
	if ((len = item_check(in, SA_REC_BYTES, SA_REC_DEPTH, f)) <= 0)
		return (len);
	d.in = span_of(in.p, (size_t)len);
	if ((type = decode_type(&d)) < 0)
		return (-1);
	if (type == SA_NONE)
		return (len);
	r->type = (enum sa_type)type;
	(void)item_get(&map, d.in, 0);
	if (decode_map(&d, sa_fields(r->type), sa_rec_body(r), &map) != 0) {
		sa_rec_wipe(r);
		return (-1);
	}
	return (len);
}
