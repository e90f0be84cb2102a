/* Identities: payload body, text, comparison. */
#include "wire/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/hash.h"
#include "base/hex.h"
#include "wire/dn.h"
#include "wire/rd.h"

/* The form of the data of each type: two parts of an address, or bytes. */
enum form { ADDR = 1, SUBNET, RANGE, NAME, BINARY, DN };

static const struct id_row {
	uint8_t		 type, form, family;
	const char	*word;		/* in the SA state */
	const char	*prefix;	/* in text, where the type has to be forced */
} rows[] = {
	{ ID_IPV4_ADDR,		ADDR,	4, "ipv4",	"" },
	{ ID_FQDN,		NAME,	0, "fqdn",	"fqdn:" },
	{ ID_USER_FQDN,		NAME,	0, "user-fqdn",	"user:" },
	{ ID_IPV4_ADDR_SUBNET,	SUBNET,	4, "subnet",	"" },
	{ ID_IPV6_ADDR,		ADDR,	6, "ipv6",	"" },
	{ ID_IPV6_ADDR_SUBNET,	SUBNET,	6, "subnet",	"" },
	{ ID_IPV4_ADDR_RANGE,	RANGE,	4, "range",	"" },
	{ ID_IPV6_ADDR_RANGE,	RANGE,	6, "range",	"" },
	{ ID_DER_ASN1_DN,	DN,	0, "dn",	"dn:" },
	{ ID_DER_ASN1_GN,	BINARY,	0, NULL,	"gn:" },
	{ ID_KEY_ID,		BINARY,	0, "key-id",	"keyid:" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct id_row *
row_of(uint8_t type)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].type == type)
			return (&rows[i]);
	return (NULL);
}

static const struct id_row *
row_by_form(enum form form, uint8_t family)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].form == form && rows[i].family == family)
			return (&rows[i]);
	return (NULL);
}

/* The row whose prefix starts ${text}, or NULL. */
static const struct id_row *
row_by_prefix(const char *text)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].prefix[0] != '\0' &&
		    strncasecmp(text, rows[i].prefix, strlen(rows[i].prefix)) == 0)
			return (&rows[i]);
	return (NULL);
}

/* The number of leading ones of a mask, or -1 if it is not ones, then zeros. */
static int
mask_bits(const uint8_t *m, size_t len)
{
	size_t i, n = 0;

	while (n < 8 * len && (m[n / 8] & 0x80 >> n % 8) != 0)
		n++;
	for (i = n; i < 8 * len; i++)
		if ((m[i / 8] & 0x80 >> i % 8) != 0)
			return (-1);
	return ((int)n);
}

int
id_to_selector(struct selector *s, const struct id *id)
{
	const struct id_row *row = row_of(id->type);
	size_t i, len;

	*s = (struct selector){0};
	if (row == NULL || row->family == 0)
		return (-1);
	len = row->family == 4 ? 4 : 16;
	if (id->len != (row->form == ADDR ? len : 2 * len))
		return (-1);
	s->first = s->last = addr_make(row->family, id->data);
	if (row->form == RANGE)
		s->last = addr_make(row->family, id->data + len);
	if (row->form == SUBNET) {
		if (mask_bits(id->data + len, len) < 0)
			return (-1);
		for (i = 0; i < len; i++) {
			s->first.b[i] &= id->data[len + i];
			s->last.b[i] = s->first.b[i] | (uint8_t)~id->data[len + i];
		}
	}
	if (addr_cmp(&s->first, &s->last) > 0)
		return (-1);
	s->proto = id->proto;
	s->port = s->port_end = id->port;
	return (0);
}

int
id_get(struct id *id, struct span body, struct fault *f)
{
	struct rd r = rd_of(body);
	const struct id_row *row;
	struct selector sel;
	struct span data;
	char name[NUM_TEXT];
	bool ok;

	*id = (struct id){0};
	id->type = rd_u8(&r);
	id->proto = rd_u8(&r);
	id->port = rd_u16(&r);
	data = rd_rest(&r);
	if (r.bad) {
		*id = (struct id){0};
		return (fault_at(f, FAULT_MALFORMED, 0, "ID payload: %zu bytes are too short",
		    body.len));
	}
	(void)isakmp_id_name(id->type, name);
	if ((row = row_of(id->type)) == NULL) {
		(void)fault_at(f, FAULT_MALFORMED, 0, "ID payload: unknown ID type %u", id->type);
		*id = (struct id){0};
		return (-1);
	}
	if (data.len > ID_MAX) {
		(void)fault_at(f, FAULT_TOO_LARGE, 4, "ID payload: %s of %zu bytes, at most %d",
		    isakmp_id_name(id->type, name), data.len, ID_MAX);
		*id = (struct id){0};
		return (-1);
	}
	id->len = (uint16_t)data.len;
	if (data.len > 0)
		memcpy(id->data, data.p, data.len);
	if (row->family != 0)
		ok = id_to_selector(&sel, id) == 0;
	else
		ok = data.len > 0 && (row->form != DN || dn_valid(data));
	if (!ok) {
		(void)fault_at(f, FAULT_MALFORMED, 4, "ID payload: %zu bytes that are no %s",
		    data.len, isakmp_id_name(id->type, name));
		*id = (struct id){0};
		return (-1);
	}
	return (0);
}

void
id_put(struct wr *w, const struct id *id)
{
	wr_u8(w, id->type);
	wr_u8(w, id->proto);
	wr_u16(w, id->port);
	wr_bytes(w, span_of(id->data, id->len));
}

/* ${s} in the form of ${row}, which fits it: an address has one, a subnet a prefix. */
static struct id
from_selector(const struct id_row *row, const struct selector *s)
{
	struct id id = { .type = row->type, .proto = s->proto };
	size_t i, len = addr_len(&s->first);

	if (s->port == s->port_end)
		id.port = s->port;
	memcpy(id.data, s->first.b, len);
	id.len = (uint16_t)len;
	if (row->form == ADDR)
		return (id);
	id.len = (uint16_t)(2 * len);
	for (i = 0; i < len; i++)
		id.data[len + i] = row->form == RANGE ? s->last.b[i] :
		    (uint8_t)~(s->first.b[i] ^ s->last.b[i]);
	return (id);
}

struct id
id_from_selector(const struct selector *s)
{
	int prefix = selector_prefix(s);
	enum form form = prefix < 0 ? RANGE :
	    prefix == (int)(8 * addr_len(&s->first)) ? ADDR : SUBNET;
	const struct id_row *row = row_by_form(form, s->first.family);

	return (row != NULL ? from_selector(row, s) : (struct id){0});
}

struct id
id_from_addr(const struct addr *a)
{
	struct selector s = { .first = *a, .last = *a };

	return (id_from_selector(&s));
}

/* The row that fits ${text}, prefix aside, with its selector if it is one; NULL: nothing. */
static const struct id_row *
guess(struct selector *s, const char *text)
{
	enum form form = strchr(text, '/') != NULL ? SUBNET :
	    strchr(text, '-') != NULL ? RANGE : ADDR;

	if (selector_parse(s, text) == 0)
		return (row_by_form(form, s->first.family));
	if (strchr(text, '=') != NULL)
		return (row_of(ID_DER_ASN1_DN));
	if (strchr(text, '@') != NULL)
		return (row_of(ID_USER_FQDN));
	/* Digits only were meant as an address; no host name has other characters. */
	if (text[0] == '\0' || strspn(text, "0123456789.-") == strlen(text) ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789.-_*") != strlen(text))
		return (NULL);
	return (row_of(ID_FQDN));
}

/* A name's bytes: \xNN is a byte, \\ a backslash, any other backslash stands for itself. */
static int
name_get(struct id *id, const char *text)
{
	char two[3] = {0};
	size_t n = 0;

	while (*text != '\0') {
		if (n == ID_MAX)
			return (-1);
		if (text[0] == '\\' && text[1] == '\\') {
			id->data[n++] = '\\';
			text += 2;
			continue;
		}
		if (text[0] == '\\' && text[1] == 'x') {
			two[0] = text[2];
			two[1] = text[2] != '\0' ? text[3] : '\0';
			if (strlen(two) == 2 && hex_get(&id->data[n], 1, two) == 1) {
				n++;
				text += 4;
				continue;
			}
		}
		id->data[n++] = (uint8_t)*text++;
	}
	id->len = (uint16_t)n;
	return (n > 0 ? 0 : -1);
}

/* The value of a type that is no address. */
static int
value_get(struct id *id, const struct id_row *row, const char *text, struct fault *f)
{
	long n;

	*id = (struct id){ .type = row->type };
	if (row->form == DN) {
		if ((n = dn_parse(id->data, ID_MAX, text, f)) < 0) {
			*id = (struct id){0};
			return (-1);
		}
		id->len = (uint16_t)n;
		return (0);
	}
	if (row->form == BINARY && (n = hex_get(id->data, ID_MAX, text)) > 0) {
		id->len = (uint16_t)n;
		return (0);
	}
	if (row->type != ID_DER_ASN1_GN && name_get(id, text) == 0)
		return (0);
	*id = (struct id){0};
	return (fault(f, FAULT_BAD_ID, "ID \"%.64s\" is empty, longer than %d bytes, or no hex",
	    text, ID_MAX));
}

int
id_parse(struct id *id, const char *text, struct fault *f)
{
	const struct id_row *row = row_by_prefix(text);
	struct selector s;

	*id = (struct id){0};
	if (row != NULL)
		return (value_get(id, row, text + strlen(row->prefix), f));
	if (text[0] == '@')
		return (value_get(id, row_of(ID_FQDN), text + 1, f));
	if ((row = guess(&s, text)) == NULL)
		return (fault(f, FAULT_BAD_ID, "\"%s\" is no ID: neither address, net nor range, "
		    "nor name@host, host name or DN; fqdn:, user:, dn: or keyid: in front forces "
		    "a type", text));
	if (row->family != 0) {
		*id = from_selector(row, &s);
		return (0);
	}
	return (value_get(id, row, text, f));
}

static void
name_put(char out[ID_TEXT], const struct id *id)
{
	size_t i, n = 0;
	uint8_t c;

	for (i = 0; i < id->len; i++) {
		c = id->data[i];
		if (c < 0x20 || c > 0x7e)
			n += (size_t)snprintf(out + n, ID_TEXT - n, "\\x%02x", c);
		else
			n += (size_t)snprintf(out + n, ID_TEXT - n, c == '\\' ? "\\%c" : "%c", c);
	}
	out[n] = '\0';
}

char *
id_value(char out[ID_TEXT], const struct id *id)
{
	const struct id_row *row = row_of(id->type);
	struct span data = span_of(id->data, id->len);
	struct selector s;
	char a[ADDR_TEXT], b[ADDR_TEXT];

	if (row == NULL || (row->family != 0 && id_to_selector(&s, id) != 0)) {
		(void)strcpy(out, "none");
		return (out);
	}
	switch ((enum form)row->form) {
	case ADDR:
		return (addr_text(out, &s.first));
	case SUBNET:
		return (selector_net_text(out, &s));
	case RANGE:
		(void)snprintf(out, ID_TEXT, "%s-%s", addr_text(a, &s.first),
		    addr_text(b, &s.last));
		break;
	case NAME:
		name_put(out, id);
		break;
	case BINARY:
		(void)hex_put(out, ID_TEXT, data);
		break;
	case DN:
		dn_text(out, ID_TEXT - strlen(row->prefix), data);
		break;
	}
	return (out);
}

char *
id_text(char out[ID_TEXT], const struct id *id)
{
	const struct id_row *row = row_of(id->type);
	struct selector s;
	size_t len;

	(void)id_value(out, id);
	if (row == NULL || row->prefix[0] == '\0')
		return (out);
	if (row->form != BINARY && out[0] != '@' && row_by_prefix(out) == NULL &&
	    guess(&s, out) == row)
		return (out);
	len = strlen(row->prefix);
	memmove(out + len, out, strlen(out) + 1);
	memcpy(out, row->prefix, len);
	return (out);
}

const char *
id_type_word(uint8_t type)
{
	const struct id_row *row = row_of(type);

	return (row != NULL ? row->word : NULL);
}

int
id_from_words(struct id *id, const char *type, const char *value, struct fault *f)
{
	struct selector s;
	size_t i;

	*id = (struct id){0};
	for (i = 0; i < ROWS; i++) {
		if (rows[i].word == NULL || strcmp(type, rows[i].word) != 0)
			continue;
		if (rows[i].family == 0)
			break;
		/* "subnet" and "range" have a row for each family. */
		if (selector_parse(&s, value) == 0 && s.first.family == rows[i].family &&
		    guess(&s, value) == &rows[i]) {
			*id = from_selector(&rows[i], &s);
			return (0);
		}
	}
	if (i == ROWS)
		return (fault(f, FAULT_BAD_ID, "\"%.64s\" is no ID of type \"%.32s\"", value,
		    type));
	if (rows[i].form != BINARY)
		return (value_get(id, &rows[i], value, f));
	/* In the state a key ID is hex, never text. */
	if (hex_get(id->data, ID_MAX, value) <= 0) {
		*id = (struct id){0};
		return (fault(f, FAULT_BAD_ID, "key ID \"%.64s\" is no hex", value));
	}
	return (value_get(id, &rows[i], value, f));
}

/* Equal but for the case of ASCII letters, as in the DNS; NUL is a byte like others. */
static bool
name_eq(struct span x, struct span y)
{
	size_t i;
	uint8_t c, diff;

	for (i = 0; x.len == y.len && i < x.len; i++) {
		c = x.p[i] | 0x20;
		diff = x.p[i] ^ y.p[i];
		if (diff != 0 && (diff != 0x20 || c < 'a' || c > 'z'))
			return (false);
	}
	return (x.len == y.len);
}

bool
id_eq(const struct id *a, const struct id *b)
{
	const struct id_row *row = row_of(a->type);
	struct span x = span_of(a->data, a->len), y = span_of(b->data, b->len);
	struct selector s, t;

	if (a->type != b->type)
		return (false);
	if (row == NULL || row->form == BINARY)
		return (span_eq(x, y));
	if (row->form == DN)
		return (dn_eq(x, y));
	if (row->form == NAME)
		return (name_eq(x, y));
	return (id_to_selector(&s, a) == 0 && id_to_selector(&t, b) == 0 &&
	    addr_cmp(&s.first, &t.first) == 0 && addr_cmp(&s.last, &t.last) == 0);
}

uint64_t
id_hash(const struct id *id, uint64_t salt)
{
	const struct id_row *row = row_of(id->type);
	uint64_t h = hash_bytes(&id->type, sizeof(id->type), salt);
	uint8_t lower[ID_MAX];
	struct selector s;
	size_t i;

	if (row != NULL && row->form == DN)
		return (dn_hash(span_of(id->data, id->len), h));
	if (row != NULL && row->form == NAME) {
		for (i = 0; i < id->len; i++)
			lower[i] = id->data[i] >= 'A' && id->data[i] <= 'Z' ? id->data[i] | 0x20 : id->data[i];
		return (hash_bytes(lower, id->len, h));
	}
	/* id_eq() is false for an ID without a valid address, so its hash does not matter. */
	if (row != NULL && row->form != BINARY)
		return (id_to_selector(&s, id) == 0 ? hash_bytes(s.first.b, addr_len(&s.first), h) : h);
	return (hash_bytes(id->data, id->len, h));
}
