/*
 * Records as they are in CBOR, known keys or not: JSON and diagnostic notation.
 * Values under a key named "keys", at any level, are hidden unless --keys reveals them.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/secret.h"
#include "cli/js.h"
#include "cli/report.h"
#include "sa/item.h"
#include "show.h"

struct from {
	struct span	in;
	bool		reveal;
};

static bool
hides(const struct from *c, const struct item *key)
{
	return (!c->reveal && key->kind == ITEM_TEXT && span_eq(key->bytes, span_str("keys")));
}

static bool
is_box(const struct item *it)
{
	return (it->kind == ITEM_ARRAY || it->kind == ITEM_MAP || it->kind == ITEM_TAG);
}

/* ---- JSON */

/* Wipes memory of jansson before it is freed: it may hold revealed keys. */
struct block {
	size_t	len;
	_Alignas(max_align_t) unsigned char bytes[];
};

static void *
wiping_malloc(size_t len)
{
	struct block *b = len < SIZE_MAX / 2 ? malloc(sizeof(*b) + len) : NULL;

	if (b == NULL)
		return (NULL);
	b->len = len;
	return (b->bytes);
}

static void
wiping_free(void *p)
{
	struct block *b;

	if (p == NULL)
		return;
	b = (struct block *)(void *)((unsigned char *)p - offsetof(struct block, bytes));
	wipe(b, sizeof(*b) + b->len);
	free(b);
}

static json_t *json_value(const struct from *c, size_t *off, bool hidden);

/* Chunks of an indefinite string from ${off} on, joined; NULL if memory is short. */
static uint8_t *
join(const struct from *c, size_t *off, size_t *len)
{
	uint8_t *all = malloc(c->in.len);
	struct item it;

	*len = 0;
	for (; item_get(&it, c->in, *off) == 1 && it.kind != ITEM_BREAK; *off = it.next) {
		if (all != NULL && it.bytes.len > 0)
			memcpy(all + *len, it.bytes.p, it.bytes.len);
		*len += it.bytes.len;
	}
	*off = it.next;
	return (all);
}

static json_t *
json_string_item(const struct from *c, const struct item *it, size_t *off)
{
	uint8_t *all = NULL;
	struct span v = it->bytes;
	json_t *j;

	if (it->indefinite && (all = join(c, off, &v.len)) == NULL)
		return (NULL);
	if (it->indefinite)
		v.p = all;
	if (it->kind == ITEM_BYTES)
		j = js_hex(v);
	else
		j = json_stringn((const char *)v.p, v.len);
	if (all != NULL)
		wipe(all, v.len);
	free(all);
	return (j);
}

/* Numbers that JSON's readers keep whole as numbers, others as text. */
static json_t *
json_number(const struct item *it)
{
	char text[24];

	if (it->n <= INT64_MAX)
		return (json_integer(it->kind == ITEM_UINT ? (json_int_t)it->n :
		    -1 - (json_int_t)it->n));
	(void)snprintf(text, sizeof(text), it->kind == ITEM_UINT ? "%" PRIu64 : "-1-%" PRIu64, it->n);
	return (json_string(text));
}

/* A key as JSON's only kind of key; NULL if memory is short. */
static char *
key_text(const struct item *k)
{
	size_t cap = k->kind == ITEM_BYTES ? 2 * k->bytes.len + 1 : k->bytes.len + 24;
	char *out = malloc(cap);

	if (out == NULL)
		return (NULL);
	if (k->kind == ITEM_BYTES)
		return (hex_put(out, cap, k->bytes));
	if (k->kind == ITEM_TEXT)
		(void)snprintf(out, cap, "%.*s", (int)k->bytes.len, (const char *)k->bytes.p);
	else
		(void)snprintf(out, cap, k->kind == ITEM_UINT ? "%" PRIu64 : "-1-%" PRIu64, k->n);
	return (out);
}

/* An SPI, which the schema has as a number: in hex, as every tool prints it. NULL: ${key} names none, or it is no number. */
static json_t *
json_spi(const struct from *c, const char *key, size_t *off)
{
	static const char *const keys[] = { "spi-in", "spi-out", "replaces", "bundle" };
	struct item it;
	uint8_t spi[4];
	size_t i;

	for (i = 0; key != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(key, keys[i]) != 0 || item_get(&it, c->in, *off) != 1 || it.kind != ITEM_UINT ||
		    it.n > UINT32_MAX)
			continue;
		*off = it.next;
		put_be32(spi, (uint32_t)it.n);
		return (js_hex(SPAN_ARRAY(spi)));
	}
	return (NULL);
}

static json_t *
json_box(const struct from *c, const struct item *box, size_t *off, bool hidden)
{
	json_t *j = box->kind == ITEM_MAP ? json_object() : json_array();
	struct item k;
	uint64_t i;
	json_t *spi;
	char *name;

	for (i = 0; box->indefinite || i < box->n; i++) {
		(void)item_get(&k, c->in, *off);
		if (k.kind == ITEM_BREAK) {
			*off = k.next;
			break;
		}
		if (box->kind == ITEM_ARRAY) {
			(void)json_array_append_new(j, json_value(c, off, hidden));
			continue;
		}
		*off = k.next;
		name = key_text(&k);
		spi = hidden ? NULL : json_spi(c, name, off);
		(void)json_object_set_new_nocheck(j, name != NULL ? name : "",
		    spi != NULL ? spi : json_value(c, off, hidden || hides(c, &k)));
		free(name);
	}
	return (j);
}

static json_t *
json_value(const struct from *c, size_t *off, bool hidden)
{
	struct item it;
	json_t *j;

	(void)item_get(&it, c->in, *off);
	if (hidden && !is_box(&it)) {
		*off = item_skip(c->in, *off);
		return (json_string("hidden"));
	}
	*off = it.next;
	switch (it.kind) {
	case ITEM_UINT:
	case ITEM_NEGINT:
		return (json_number(&it));
	case ITEM_BYTES:
	case ITEM_TEXT:
		return (json_string_item(c, &it, off));
	case ITEM_ARRAY:
	case ITEM_MAP:
		return (json_box(c, &it, off, hidden));
	case ITEM_TAG:
		return (json_value(c, off, hidden));
	case ITEM_BOOL:
		return (json_boolean(it.n != 0));
	case ITEM_FLOAT:
		j = json_real(it.real);		/* none for NaN and infinities */
		return (j != NULL ? j : json_null());
	default:
		return (json_null());
	}
}

void
json_record(struct span raw, bool reveal)
{
	const struct from c = { raw, reveal };
	size_t off = 0;

	json_set_alloc_funcs(wiping_malloc, wiping_free);
	js_print(json_value(&c, &off, false), false, stdout);
}

/* ---- diagnostic notation (RFC 8949 section 8, RFC 8610 appendix G) */

static void diag_value(const struct from *c, size_t *off, unsigned level, bool hidden);

static void
diag_text(struct span v)
{
	size_t n;

	(void)putchar('"');
	for (; v.len > 0; v = span_of(v.p + n, v.len - n)) {
		n = item_utf8_char(v);
		if (v.p[0] == '"' || v.p[0] == '\\')
			(void)printf("\\%c", v.p[0]);
		else if (v.p[0] < 0x20 || v.p[0] == 0x7f)
			(void)printf("\\u%04x", v.p[0]);
		else
			escape_print(stdout, span_of(v.p, n));
	}
	(void)putchar('"');
}

static void
diag_bytes(struct span v)
{
	char hex[3];
	size_t i;

	(void)fputs("h'", stdout);
	for (i = 0; i < v.len; i++)
		(void)fputs(hex_put(hex, sizeof(hex), span_of(v.p + i, 1)), stdout);
	(void)putchar('\'');
}

/* The entries of an array, a map or an indefinite string (in parentheses), each on a line. */
static void
diag_box(const struct from *c, const struct item *box, size_t *off, unsigned level, bool hidden)
{
	const char *ends = box->kind == ITEM_MAP ? "{}" : box->kind == ITEM_ARRAY ? "[]" : "()";
	struct item k;
	uint64_t i;
	bool in_it;

	(void)printf(box->indefinite ? "%c_ " : "%c", ends[0]);
	for (i = 0; box->indefinite || i < box->n; i++) {
		(void)item_get(&k, c->in, *off);
		if (k.kind == ITEM_BREAK) {
			*off = k.next;
			break;
		}
		(void)printf("%s\n%*s", i > 0 ? "," : "", 2 * (int)(level + 1), "");
		in_it = hidden;
		if (box->kind == ITEM_MAP) {
			diag_value(c, off, level + 1, false);
			(void)fputs(": ", stdout);
			in_it = hidden || hides(c, &k);
		}
		diag_value(c, off, level + 1, in_it);
	}
	if (i > 0)
		(void)printf("\n%*s", 2 * (int)level, "");
	(void)putchar(ends[1]);
}

static void
diag_value(const struct from *c, size_t *off, unsigned level, bool hidden)
{
	struct item it;

	(void)item_get(&it, c->in, *off);
	if (hidden && !is_box(&it)) {
		if (it.kind == ITEM_BYTES && !it.indefinite)
			(void)printf("h'' / %zu bytes, hidden /", it.bytes.len);
		else
			(void)fputs("null / hidden /", stdout);
		*off = item_skip(c->in, *off);
		return;
	}
	*off = it.next;
	switch (it.kind) {
	case ITEM_UINT:
		(void)printf("%" PRIu64, it.n);
		break;
	case ITEM_NEGINT:
		if (it.n < UINT64_MAX)
			(void)printf("-%" PRIu64, it.n + 1);
		else
			(void)fputs("-18446744073709551616", stdout);
		break;
	case ITEM_BYTES:
	case ITEM_TEXT:
		if (it.indefinite)
			diag_box(c, &it, off, level, hidden);
		else if (it.kind == ITEM_TEXT)
			diag_text(it.bytes);
		else
			diag_bytes(it.bytes);
		break;
	case ITEM_ARRAY:
	case ITEM_MAP:
		diag_box(c, &it, off, level, hidden);
		break;
	case ITEM_TAG:
		(void)printf("%" PRIu64 "(", it.n);
		diag_value(c, off, level, hidden);
		(void)putchar(')');
		break;
	case ITEM_BOOL:
		(void)fputs(it.n != 0 ? "true" : "false", stdout);
		break;
	case ITEM_NULL:
		(void)fputs("null", stdout);
		break;
	case ITEM_UNDEFINED:
		(void)fputs("undefined", stdout);
		break;
	case ITEM_FLOAT:
		(void)printf("%.17g", it.real);
		break;
	default:
		(void)printf("simple(%" PRIu64 ")", it.n);
		break;
	}
}

void
diag_record(struct span raw, bool reveal)
{
	const struct from c = { raw, reveal };
	size_t off = 0;

	diag_value(&c, &off, 0, false);
	(void)putchar('\n');
}
