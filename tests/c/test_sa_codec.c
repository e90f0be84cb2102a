/* SA records: their CBOR form, and what is refused of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sa/codec.h"
#include "sa/item.h"
#include "sa_sample.h"

static const char *const type_words[] = { [SA_IKE] = "ike-sa", [SA_CHILD] = "child-sa",
	[SA_DELETE] = "sa-delete", [SA_EVENT] = "event", [SA_STAT] = "sa-stat", [SA_TUN_STAT] = "tun-stat",
	[SA_NHRP_BINDING] = "nhrp-binding", [SA_NHRP_EVENT] = "nhrp-event",
	[SA_NEXT_HOP] = "next-hop" };

/* Secrets compared and taken out, so that the rest can be compared as bytes. */
static void
assert_same_secret(struct secret *a, struct secret *b)
{
	assert_true(ct_eq(secret_span(a), secret_span(b)));
	assert_true(a->len == 0 || a->p != b->p);
	secret_free(a);
	secret_free(b);
}

static void
assert_same(struct sa_rec *a, struct sa_rec *b)
{
	assert_int_equal(a->type, b->type);
	if (a->type == SA_IKE) {
		assert_same_secret(&a->ike.skeyid, &b->ike.skeyid);
		assert_same_secret(&a->ike.skeyid_d, &b->ike.skeyid_d);
		assert_same_secret(&a->ike.skeyid_a, &b->ike.skeyid_a);
		assert_same_secret(&a->ike.skeyid_e, &b->ike.skeyid_e);
		assert_same_secret(&a->ike.cipher, &b->ike.cipher);
		assert_memory_equal(&a->ike, &b->ike, sizeof(a->ike));
	} else if (a->type == SA_CHILD) {
		assert_same_secret(&a->child.enc_in, &b->child.enc_in);
		assert_same_secret(&a->child.auth_in, &b->child.auth_in);
		assert_same_secret(&a->child.enc_out, &b->child.enc_out);
		assert_same_secret(&a->child.auth_out, &b->child.auth_out);
		assert_memory_equal(&a->child, &b->child, sizeof(a->child));
	} else if (a->type == SA_DELETE)
		assert_memory_equal(&a->del, &b->del, sizeof(a->del));
	else if (a->type == SA_STAT)
		assert_memory_equal(&a->stat, &b->stat, sizeof(a->stat));
	else if (a->type == SA_TUN_STAT)
		assert_memory_equal(&a->tun_stat, &b->tun_stat, sizeof(a->tun_stat));
	else if (a->type == SA_NHRP_BINDING)
		assert_memory_equal(&a->binding, &b->binding, sizeof(a->binding));
	else if (a->type == SA_NHRP_EVENT)
		assert_memory_equal(&a->nhrp_event, &b->nhrp_event, sizeof(a->nhrp_event));
	else if (a->type == SA_NEXT_HOP)
		assert_memory_equal(&a->next_hop, &b->next_hop, sizeof(a->next_hop));
	else
		assert_memory_equal(&a->event, &b->event, sizeof(a->event));
}

/* A scratch copy of an encoded record, to be spoilt. */
struct copy {
	uint8_t	*p;
	size_t	 len;
};

static struct copy
encoded(enum sa_type type, bool full)
{
	struct sa_rec r;
	struct secret s = {0};
	struct fault f;
	struct copy c;

	sample_rec(&r, type, full);
	assert_int_equal(sa_encode(&s, &r, &f), 0);
	c.p = malloc(2 * SA_REC_BYTES);
	assert_non_null(c.p);
	memcpy(c.p, s.p, s.len);
	c.len = s.len;
	secret_free(&s);
	sa_rec_wipe(&r);
	return (c);
}

/* Decodes an exact-sized heap copy, so that a sanitizer sees a read too far. */
static long
decode(struct copy c, struct fault *f)
{
	struct sa_rec r;
	uint8_t *exact = malloc(c.len > 0 ? c.len : 1);
	long n;

	assert_non_null(exact);
	memcpy(exact, c.p, c.len);
	memset(&r, 0xa5, sizeof(r));
	*f = (struct fault){ .at = FAULT_AT_NONE };
	n = sa_decode(&r, span_of(exact, c.len), f);
	if (n <= 0)
		assert_int_equal(r.type, SA_NONE);
	if (n < 0) {
		assert_true(f->code == FAULT_BAD_RECORD || f->code == FAULT_TOO_LARGE ||
		    f->code == FAULT_WRONG_VERSION);
		assert_true(f->at <= c.len);
	}
	sa_rec_wipe(&r);
	free(exact);
	return (n);
}

/* Bytes ${from} to ${to} of ${c} become ${v}. */
static void
splice(struct copy *c, size_t from, size_t to, const void *v, size_t len)
{
	assert_true(c->len - (to - from) + len <= 2 * SA_REC_BYTES);
	memmove(c->p + from + len, c->p + to, c->len - to);
	if (len > 0)
		memcpy(c->p + from, v, len);
	c->len = c->len - (to - from) + len;
}

static void
test_round_trip(void **state)
{
	struct sa_rec a, b, cp;
	struct secret s = {0}, again = {0};
	struct fault f;
	int type, full;

	(void)state;
	for (type = SA_IKE; type <= SA_NEXT_HOP; type++)
		for (full = 0; full < 2; full++) {
			sample_rec(&a, (enum sa_type)type, full != 0);
			assert_int_equal(sa_encode(&s, &a, &f), 0);
			assert_int_equal(sa_decode(&b, secret_span(&s), &f), s.len);
			assert_int_equal(sa_encode(&again, &b, &f), 0);
			assert_true(ct_eq(secret_span(&s), secret_span(&again)));
			assert_int_equal(sa_rec_copy(&cp, &b), 0);
			assert_same(&a, &b);
			sample_rec(&a, (enum sa_type)type, full != 0);
			assert_same(&a, &cp);
			secret_free(&s);
			secret_free(&again);
		}
}

/* The order that RFC 8949 section 4.2.1 asks for, seen in the bytes. */
static void
assert_sorted(struct span in, size_t off)
{
	struct item box, k;
	struct span key, last = SPAN_NONE;
	uint64_t i;
	size_t len;

	assert_int_equal(item_get(&box, in, off), 1);
	assert_false(box.indefinite);
	off = box.next;
	if (box.kind != ITEM_MAP && box.kind != ITEM_ARRAY)
		return;
	for (i = 0; i < box.n; i++) {
		if (box.kind == ITEM_MAP) {
			assert_int_equal(item_get(&k, in, off), 1);
			key = span_of(in.p + off, k.next - off);
			len = last.len < key.len ? last.len : key.len;
			if (i > 0)
				assert_true(memcmp(last.p, key.p, len) < 0);
			last = key;
			off = k.next;
		}
		assert_sorted(in, off);
		off = item_skip(in, off);
	}
}

static void
test_sorted(void **state)
{
	int type;
	struct copy c;

	(void)state;
	for (type = SA_IKE; type <= SA_NEXT_HOP; type++) {
		c = encoded((enum sa_type)type, true);
		assert_sorted(span_of(c.p, c.len), 0);
		free(c.p);
	}
}

static void
test_truncations(void **state)
{
	int type;
	struct copy c;
	struct fault f;
	size_t len;

	(void)state;
	for (type = SA_IKE; type <= SA_NEXT_HOP; type++) {
		c = encoded((enum sa_type)type, true);
		for (len = c.len; c.len-- > 0;)
			assert_int_equal(decode(c, &f), 0);
		c.len = len + 100;	/* what follows the record does not matter */
		assert_int_equal(decode(c, &f), len);
		free(c.p);
	}
}

/* From the schema by hand, not from the tables: all that must be there. */
static const char *const required[] = {
	"ike-sa auth", "ike-sa exchange", "ike-sa format", "ike-sa keys", "ike-sa lifetime",
	"ike-sa local", "ike-sa remote", "ike-sa natt", "ike-sa established", "ike-sa proposal",
	"ike-sa role", "ike-sa spi-i", "ike-sa spi-r", "ike-sa type", "ike-sa version",
	"ike-sa keys.skeyid-d", "ike-sa keys.skeyid-a", "ike-sa keys.cipher", "ike-sa keys.iv",
	"ike-sa local.address", "ike-sa local.port", "ike-sa local.id.type",
	"ike-sa local.id.value", "ike-sa remote.address", "ike-sa remote.port",
	"ike-sa remote.id.type", "ike-sa remote.id.value", "ike-sa natt.version",
	"ike-sa natt.marker", "ike-sa natt.local-nat", "ike-sa natt.remote-nat",
	"ike-sa natt.forced", "ike-sa lifetime.seconds", "ike-sa lifetime.expires",
	"ike-sa peer.vendor-ids", "ike-sa peer.dpd", "ike-sa proposal.encryption",
	"ike-sa proposal.hash", "ike-sa proposal.group", "ike-sa xauth.user",
	"ike-sa xauth.status",
	"child-sa type", "child-sa format", "child-sa ike", "child-sa use", "child-sa protocol",
	"child-sa mode", "child-sa spi-in", "child-sa spi-out", "child-sa local",
	"child-sa remote", "child-sa encap", "child-sa proposal", "child-sa keys",
	"child-sa local-ts", "child-sa remote-ts", "child-sa established", "child-sa lifetime",
	"child-sa local.address", "child-sa local.port", "child-sa local.id.type",
	"child-sa local.id.value", "child-sa remote.address", "child-sa remote.port",
	"child-sa remote.id.type", "child-sa remote.id.value", "child-sa nat-oa.local",
	"child-sa nat-oa.remote", "child-sa local-ts.net", "child-sa remote-ts.net",
	"child-sa lifetime.seconds", "child-sa lifetime.expires",
	"sa-delete type", "sa-delete format",
	"event type", "event format", "event time", "event source", "event what",
	"event remote.address", "event remote.port",
	"sa-stat type", "sa-stat format", "sa-stat use", "sa-stat protocol", "sa-stat mode", "sa-stat encap", "sa-stat spi-in",
	"sa-stat spi-out", "sa-stat local", "sa-stat local.address", "sa-stat local.port", "sa-stat remote",
	"sa-stat remote.address", "sa-stat remote.port", "sa-stat local-ts", "sa-stat local-ts.net", "sa-stat remote-ts",
	"sa-stat remote-ts.net", "sa-stat established", "sa-stat expires", "sa-stat in", "sa-stat in.packets", "sa-stat in.bytes",
	"sa-stat in.drops.reason", "sa-stat in.drops.packets", "sa-stat out", "sa-stat out.packets", "sa-stat out.bytes",
	"tun-stat type", "tun-stat format", "tun-stat time", "tun-stat since", "tun-stat tun", "tun-stat mtu", "tun-stat sas",
	"tun-stat in", "tun-stat in.packets", "tun-stat in.bytes", "tun-stat out", "tun-stat out.packets", "tun-stat out.bytes",
	"tun-stat out.drops.reason", "tun-stat out.drops.packets",
	"nhrp-binding type", "nhrp-binding format", "nhrp-binding kind", "nhrp-binding proto", "nhrp-binding prefix",
	"nhrp-binding holding", "nhrp-binding expires",
	"nhrp-event type", "nhrp-event format", "nhrp-event time", "nhrp-event source", "nhrp-event what",
	"next-hop type", "next-hop format", "next-hop hop", "next-hop flag", "next-hop state",
	"next-hop remote.address", "next-hop remote.port",
};

static bool
is_required(const char *path)
{
	size_t i;

	for (i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (strcmp(required[i], path) == 0)
			return (true);
	return (false);
}

struct walk {
	struct copy	c;
	unsigned	maps, found;
};

/* One key of one map: without it, twice, and with values of other types. */
static void
spoil_key(struct walk *w, const char *path, const struct item *map, const struct item *key,
    size_t end)
{
	static const struct { const char *v; size_t len; } values[] = {
		{ "\xf6", 1 }, { "\xf7", 1 }, { "\x20", 1 },
		{ "\xf9\x3c\x00", 3 }, { "\xc1\x01", 2 }, { "\xd8\x2a\x41\x00", 4 },
		{ "\x9f\xff", 2 }, { "\xbf\xff", 2 }, { "\x7f\x61\x61\xff", 4 },
		{ "\x5f\x41\x61\xff", 4 }, { "\xf0", 1 },
		{ "\x80", 1 }, { "\x00", 1 }, { "\x41\x01", 2 }, { "\x61\x21", 2 }, { "\xa0", 1 },
		{ "\xf4", 1 },
	};
	struct copy c = { malloc(2 * SA_REC_BYTES), w->c.len };
	struct fault f;
	const char *dot;
	char quoted[200];
	size_t i, same = 0;

	assert_non_null(c.p);
	memcpy(c.p, w->c.p, c.len);
	splice(&c, key->at, end, NULL, 0);
	c.p[map->at]--;
	if (is_required(path)) {
		w->found++;
		assert_int_equal(decode(c, &f), -1);
		assert_int_equal(f.code, FAULT_BAD_RECORD);
		assert_int_equal(f.at, map->at);
		dot = strchr(path, ' ') + 1;
		(void)snprintf(quoted, sizeof(quoted), "\"%s\" is missing", dot);
		assert_non_null(strstr(f.what, quoted));
	} else
		assert_int_equal(decode(c, &f), c.len);

	/* Twice, and the second time in longer form, which is the same key. */
	memcpy(c.p, w->c.p, c.len = w->c.len);
	splice(&c, end, end, w->c.p + key->at, end - key->at);
	c.p[map->at]++;
	assert_int_equal(decode(c, &f), -1);
	assert_int_equal(f.at, end);
	c.p[end] = 0x78;
	splice(&c, end + 1, end + 1, &(uint8_t){ (uint8_t)key->bytes.len }, 1);
	assert_int_equal(decode(c, &f), -1);
	assert_int_equal(f.at, end);
	assert_non_null(strstr(f.what, "comes twice"));

	/* Of another type: only the last six above can be right, and few of them for one key. */
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		memcpy(c.p, w->c.p, c.len = w->c.len);
		splice(&c, key->next, end, values[i].v, values[i].len);
		if (i < 11) {
			assert_int_equal(decode(c, &f), -1);
			assert_int_equal(f.at, key->next);
		} else if (decode(c, &f) > 0) {
			assert_int_equal((uint8_t)values[i].v[0] >> 5, w->c.p[key->next] >> 5);
			same++;
		}
	}
	assert_in_range(same, 0, 1);
	free(c.p);
}

static void
spoil_map(struct walk *w, const char *path, size_t off)
{
	struct span in = span_of(w->c.p, w->c.len);
	struct item box, key;
	char sub[200];
	size_t end;
	uint64_t i;

	(void)item_get(&box, in, off);
	w->maps += box.kind == ITEM_MAP;
	off = box.next;
	for (i = 0; i < box.n; i++, off = end) {
		if (box.kind == ITEM_ARRAY) {
			spoil_map(w, path, off);
			end = item_skip(in, off);
			continue;
		}
		(void)item_get(&key, in, off);
		end = item_skip(in, key.next);
		(void)snprintf(sub, sizeof(sub), "%s%s%.*s", path,
		    strchr(path, ' ') == NULL ? " " : ".", (int)key.bytes.len,
		    (const char *)key.bytes.p);
		spoil_key(w, sub, &box, &key, end);
		if (in.p[key.next] >> 5 == 4 || in.p[key.next] >> 5 == 5)
			spoil_map(w, sub, key.next);
	}
}

/* Arrays of anything but maps (vendor IDs) have no keys to spoil. */
static void
spoil_type(enum sa_type type, unsigned maps)
{
	struct walk w = { encoded(type, true), 0, 0 };
	unsigned i, want = 0;

	spoil_map(&w, type_words[type], 0);
	assert_int_equal(w.maps, maps);
	for (i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		want += strncmp(required[i], type_words[type], strlen(type_words[type])) == 0;
	/* Each was seen; the selectors of child-sa several times. */
	assert_true(w.found >= want);
	free(w.c.p);
}

static void
test_spoilt_keys(void **state)
{
	(void)state;
	spoil_type(SA_IKE, 12);
	spoil_type(SA_CHILD, 13);
	spoil_type(SA_DELETE, 1);
	spoil_type(SA_EVENT, 2);
	spoil_type(SA_STAT, 10);
	spoil_type(SA_TUN_STAT, 4);
	spoil_type(SA_NHRP_BINDING, 2);
	spoil_type(SA_NHRP_EVENT, 1);
	spoil_type(SA_NEXT_HOP, 2);
}

/* An event with one more key, whose value is ${v}. */
static long
with_unknown(const void *v, size_t len, struct fault *f)
{
	struct copy c = encoded(SA_EVENT, false);
	long n, whole;

	splice(&c, c.len, c.len, "\x62zz", 3);
	splice(&c, c.len, c.len, v, len);
	c.p[0]++;
	whole = (long)c.len;
	n = decode(c, f);
	free(c.p);
	if (n > 0)
		assert_int_equal(n, whole);
	return (n > 0);
}

#define UNKNOWN(bytes)	with_unknown(bytes, sizeof(bytes) - 1, &f)

static void
test_unknown_values(void **state)
{
	struct fault f;

	(void)state;
	assert_true(UNKNOWN("\xa1\x01\xa1\x20\x80") == 1);
	assert_true(UNKNOWN("\x9f\xbf\x61" "a\xc6\xf5\xff\x80\xff") == 1);
	assert_true(UNKNOWN("\x7f\x61" "a\x60\xff") == 1);
	assert_true(UNKNOWN("\x5f\x41\x00\xff") == 1);
	assert_true(UNKNOWN("\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00") == 1);
	assert_true(UNKNOWN("\xd8\x18\x41\x00") == 1);
	assert_true(UNKNOWN("\xf8\xff") == 1);
	assert_true(UNKNOWN("\xe0") == 1);
	assert_true(UNKNOWN("\x3b\xff\xff\xff\xff\xff\xff\xff\xff") == 1);
	/* Not well-formed. */
	assert_int_equal(UNKNOWN("\xf8\x1f"), 0);
	assert_int_equal(UNKNOWN("\xff"), 0);
	assert_int_equal(UNKNOWN("\x1c"), 0);
	assert_int_equal(UNKNOWN("\x7f\x41\x00\xff"), 0);
	assert_int_equal(UNKNOWN("\x7f\x7f\xff\xff"), 0);
	assert_int_equal(UNKNOWN("\xbf\x61\x61\xff"), 0);
	assert_int_equal(UNKNOWN("\xa1\xf6\x00"), 0);
	assert_int_equal(UNKNOWN("\x9f\xc1\xff"), 0);
	/* Twice the same key at any level, in whatever form. */
	assert_int_equal(UNKNOWN("\xa2\x61" "a\x00\x61" "a\x01"), 0);
	assert_int_equal(UNKNOWN("\x81\xa2\x05\x00\x18\x05\x01"), 0);
	assert_int_equal(UNKNOWN("\xbf\x41" "a\x00\x41" "a\x01\xff"), 0);
	assert_true(UNKNOWN("\xa3\x61" "a\x00\x41" "a\x01\x20\x00") == 1);
	/* Not UTF-8: stray, overlong, surrogate, beyond U+10FFFF, cut. */
	assert_int_equal(UNKNOWN("\x61\x80"), 0);
	assert_int_equal(UNKNOWN("\x62\xc0\xaf"), 0);
	assert_int_equal(UNKNOWN("\x63\xed\xa0\x80"), 0);
	assert_int_equal(UNKNOWN("\x64\xf4\x90\x80\x80"), 0);
	assert_int_equal(UNKNOWN("\x62\xe2\x82"), 0);
	assert_int_equal(UNKNOWN("\x81\x7f\x61\xc3\xff"), 0);
	assert_true(UNKNOWN("\x67\xe2\x82\xac\xf0\x9f\x98\x80") == 1);
}

static void
test_depth(void **state)
{
	struct fault f;

	(void)state;
	/* The record is the first level. */
	assert_true(UNKNOWN("\x81\x81\x81\x81\x81\x81\x80") == 1);
	assert_int_equal(UNKNOWN("\x81\x81\x81\x81\x81\x81\x81\x80"), 0);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	assert_int_equal(UNKNOWN("\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\x00"), 0);
	assert_int_equal(UNKNOWN("\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f\xff\xff\xff\xff\xff\xff\xff\xff"),
	    0);
	/* Said at once, not when the end of it is there. */
	assert_int_equal(UNKNOWN("\x9f\x9f\x9f\x9f\x9f\x9f\x9f\x9f"), 0);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
}

static void
test_size(void **state)
{
	struct copy c = encoded(SA_EVENT, false);
	size_t base = c.len + 3 + 3;	/* key "zz", head of a long byte string */
	struct fault f;
	uint8_t head[3] = { 0x59 };

	(void)state;
	splice(&c, c.len, c.len, "\x62zz", 3);
	c.p[0]++;
	put_be16(head + 1, (uint16_t)(SA_REC_BYTES - base));
	splice(&c, c.len, c.len, head, 3);
	c.len += SA_REC_BYTES - base;
	assert_int_equal(c.len, SA_REC_BYTES);
	assert_int_equal(decode(c, &f), SA_REC_BYTES);
	c.len--;
	assert_int_equal(decode(c, &f), 0);
	c.p[base - 1]++;
	c.len += 2;
	assert_int_equal(decode(c, &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	c.len--;	/* the limit is reached and it has not ended */
	assert_int_equal(decode(c, &f), -1);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	free(c.p);
	/* Counts and lengths that cannot come true are not waited for. */
	assert_int_equal(UNKNOWN("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00"), 0);
	assert_int_equal(UNKNOWN("\xba\x00\x02\x00\x00"), 0);
}

static void
test_many_keys(void **state)
{
	uint8_t m[3 + 4 * (ITEM_KEYS_MAX + 1)] = { 0xb9 };
	struct fault f;
	unsigned n, i;

	(void)state;
	for (n = ITEM_KEYS_MAX; n <= ITEM_KEYS_MAX + 1; n++) {
		put_be16(m + 1, (uint16_t)n);
		for (i = 0; i < n; i++) {
			m[3 + 4 * i] = 0x19;
			put_be16(m + 4 + 4 * i, (uint16_t)(1000 + i));
			m[6 + 4 * i] = 0;
		}
		assert_int_equal(with_unknown(m, 3 + 4 * n, &f), n == ITEM_KEYS_MAX);
	}
	assert_int_equal(f.code, FAULT_TOO_LARGE);
}

/* Sets the text value behind ${key} (anywhere in the record, its first time) to ${v}. */
static long
with_value(enum sa_type type, const char *key, const void *v, size_t len, struct fault *f)
{
	struct copy c = encoded(type, true);
	struct span in = span_of(c.p, c.len);
	size_t n = strlen(key), i, end;
	long rc;

	for (i = 0; i + 1 + n < c.len; i++)
		if (c.p[i] == 0x60 + n && memcmp(c.p + i + 1, key, n) == 0)
			break;
	assert_true(i + 1 + n < c.len);
	i += 1 + n;
	end = item_skip(in, i);
	splice(&c, i, end, v, len);
	rc = decode(c, f);
	if (rc < 0)
		assert_in_range(f->at, 0, i + len);
	free(c.p);
	return (rc > 0);
}

#define VALUE(type, key, bytes)	with_value(type, key, bytes, sizeof(bytes) - 1, &f)

static void
test_values(void **state)
{
	struct fault f;
	char longish[2 + 200], many[2 + 65 * 15];
	size_t n;

	(void)state;
	assert_int_equal(VALUE(SA_IKE, "role", "\x65other"), 0);
	assert_int_equal(VALUE(SA_IKE, "role", "\x69initiator"), 1);
	assert_int_equal(VALUE(SA_IKE, "spi-i", "\x47" "1234567"), 0);
	assert_int_equal(VALUE(SA_IKE, "spi-i", "\x49" "123456789"), 0);
	assert_int_equal(VALUE(SA_IKE, "iv", "\x40"), 0);
	assert_int_equal(VALUE(SA_IKE, "iv", "\x51" "12345678901234567"), 0);
	assert_int_equal(VALUE(SA_IKE, "cipher", "\x40"), 0);
	assert_int_equal(VALUE(SA_IKE, "auth", "\x63" "p\0k"), 0);
	assert_non_null(strstr(f.what, "NUL"));
	assert_int_equal(VALUE(SA_IKE, "address", "\x67" "1.2.3.4"), 1);
	assert_int_equal(VALUE(SA_IKE, "dpd-seq", "\x1b\0\0\0\1\0\0\0\0"), 0);
	assert_int_equal(VALUE(SA_IKE, "dpd-seq", "\x1a\xff\xff\xff\xff"), 1);
	assert_int_equal(VALUE(SA_CHILD, "address", "\x67" "1.2.3.x"), 0);
	assert_int_equal(VALUE(SA_CHILD, "port", "\x1a\x00\x01\x00\x00"), 0);
	assert_int_equal(VALUE(SA_CHILD, "spi-in", "\x1b\0\0\0\1\0\0\0\0"), 0);
	assert_int_equal(VALUE(SA_CHILD, "spi-in", "\x18\x18"), 1);
	assert_int_equal(VALUE(SA_CHILD, "net", "\x6b" "10.1.0.0/99"), 0);
	assert_int_equal(VALUE(SA_CHILD, "local-ts", "\x80"), 0);
	assert_int_equal(VALUE(SA_CHILD, "protocol", "\x63" "udp"), 0);
	assert_int_equal(VALUE(SA_CHILD, "value", "\x60"), 0);
	/* Port without an end is that port; an end below it is refused. */
	assert_int_equal(VALUE(SA_CHILD, "local-ts", "\x81\xa3\x63net\x6a" "10.0.0.0/8"
	    "\x64port\x19\x01\xbb\x68port-end\x19\x01\xba"), 0);
	/* Sixty-five selectors are too many; they are not cut, for they decide what passes. */
	many[0] = '\x98';
	for (n = 0; n < 65; n++)
		memcpy(many + 2 + 15 * n, "\xa1\x63net\x69" "10.0.0.12", 15);
	many[1] = 64;
	assert_int_equal(with_value(SA_CHILD, "local-ts", many, 2 + 64 * 15, &f), 1);
	many[1] = 65;
	assert_int_equal(with_value(SA_CHILD, "local-ts", many, 2 + 65 * 15, &f), 0);
	assert_int_equal(f.code, FAULT_TOO_LARGE);
	/* A long name is refused, a long banner cut at a character. */
	longish[0] = '\x78';
	longish[1] = (char)200;
	memset(longish + 2, 'x', 200);
	assert_int_equal(with_value(SA_IKE, "name", longish, 202, &f), 0);
	assert_int_equal(with_value(SA_IKE, "implementation", longish, 202, &f), 1);
}

static void
test_cut_at_character(void **state)
{
	struct copy c = encoded(SA_EVENT, false);
	struct sa_rec r;
	struct fault f;
	char v[2 + 254 + 3];

	(void)state;
	v[0] = '\x79';
	put_be16((uint8_t *)v + 1, 254 + 3);
	splice(&c, c.len, c.len, "\x64text", 5);
	splice(&c, c.len, c.len, v, 3);
	memset(v, 'x', 254);
	memcpy(v + 254, "\xe2\x82\xac", 3);
	splice(&c, c.len, c.len, v, 257);
	c.p[0]++;
	assert_int_equal(sa_decode(&r, span_of(c.p, c.len), &f), c.len);
	assert_int_equal(strlen(r.event.text), 254);
	sa_rec_wipe(&r);
	free(c.p);
}

/* Bytes from a peer that are no UTF-8 must not make a record that no reader takes. */
static void
test_encode_mends_text(void **state)
{
	struct sa_rec r, b;
	struct secret s = {0};
	struct fault f;

	(void)state;
	sample_rec(&r, SA_EVENT, false);
	strcpy(r.event.text, "a\xff" "b\xe2\x82");
	assert_int_equal(sa_encode(&s, &r, &f), 0);
	assert_int_equal(sa_decode(&b, secret_span(&s), &f), s.len);
	assert_string_equal(b.event.text, "a?b??");
	secret_free(&s);
}

/* Each word of an event and a reason is a kind of its own; another word is kept as it came. */
static void
test_kinds_and_words(void **state)
{
	struct sa_rec r, b;
	struct secret s = {0};
	struct fault f;
	unsigned i;

	(void)state;
	for (i = SA_EVENT_OTHER; i < SA_EVENT_KINDS; i++) {
		sample_rec(&r, SA_EVENT, false);
		r.event.what = (enum sa_event_kind)i;
		strcpy(r.event.what_other, "a-new-word");
		assert_int_equal(sa_encode(&s, &r, &f), 0);
		assert_int_equal(sa_decode(&b, secret_span(&s), &f), s.len);
		assert_int_equal(b.event.what, i);
		assert_string_equal(sa_event_word(&b.event), sa_event_word(&r.event));
		secret_free(&s);
	}
	assert_string_equal(sa_event_word(&(struct sa_event){ .what = SA_EVENT_REMAP }), "remap");
	for (i = SA_REASON_OTHER; i < SA_REASONS; i++) {
		sample_rec(&r, SA_DELETE, true);
		r.del.reason = (enum sa_reason)i;
		strcpy(r.del.reason_other, "power cut");
		assert_int_equal(sa_encode(&s, &r, &f), 0);
		assert_int_equal(sa_decode(&b, secret_span(&s), &f), s.len);
		assert_int_equal(b.del.reason, i);
		assert_string_equal(sa_del_reason(&b.del), i == 0 ? "power cut" :
		    sa_reason_text((enum sa_reason)i));
		secret_free(&s);
	}
}

static void
test_types_and_versions(void **state)
{
	struct fault f;
	struct sa_rec r;

	(void)state;
	/* Types, and versions of IKE, that are not known are passed over. */
	assert_int_equal(sa_decode(&r, span_of("\xa1\x64type\x63new", 10), &f), 10);
	assert_int_equal(r.type, SA_NONE);
	assert_int_equal(sa_decode(&r, span_of("\xa3\x64type\x66ike-sa\x66" "format\x01\x67version\x02",
	    30), &f), 30);
	assert_int_equal(r.type, SA_NONE);
	assert_int_equal(sa_decode(&r, span_of("\xa3\x64type\x66ike-sa\x66" "format\x01\x67version\x00",
	    30), &f), -1);
	/* Another format is reported before a missing key. */
	assert_int_equal(sa_decode(&r, span_of("\xa2\x64type\x68" "child-sa\x66" "format\x02", 23),
	    &f), -1);
	assert_int_equal(f.code, FAULT_WRONG_VERSION);
	assert_int_equal(f.at, 22);
	/* No record at all, known from the first byte. */
	assert_int_equal(sa_decode(&r, span_of("hello", 5), &f), -1);
	assert_int_equal(sa_decode(&r, span_of("\xbf", 1), &f), -1);
	assert_int_equal(sa_decode(&r, span_of("\x80", 1), &f), -1);
	assert_int_equal(sa_decode(&r, span_of("\xa0", 1), &f), -1);
	assert_int_equal(sa_decode(&r, SPAN_NONE, &f), 0);
}

/* Every byte of a record set to each of some values: no crash, and a fault says where. */
static void
test_flipped_bytes(void **state)
{
	static const uint8_t vs[] = { 0x00, 0x1b, 0x3b, 0x5b, 0x5f, 0x7b, 0x7f, 0x9b, 0x9f, 0xbb,
		0xbf, 0xc1, 0xdb, 0xf8, 0xfb, 0xff };
	struct copy c;
	struct fault f;
	size_t i, k;
	uint8_t was;
	int type;

	(void)state;
	for (type = SA_IKE; type <= SA_NEXT_HOP; type++) {
		c = encoded((enum sa_type)type, true);
		for (i = 0; i < c.len; i++)
			for (k = 0; k < sizeof(vs); k++) {
				was = c.p[i];
				c.p[i] = vs[k];
				(void)decode(c, &f);
				c.p[i] = was;
			}
		free(c.p);
	}
}

static void
test_full_sets_encode(void **state)
{
	struct sa_rec r;
	struct secret s = {0};
	struct fault f;
	size_t i;

	/* Lists at their limits still fit a record. */
	(void)state;
	sample_rec(&r, SA_IKE, true);
	r.ike.n_vids = SA_VIDS_MAX;
	for (i = 0; i < SA_VIDS_MAX; i++)
		r.ike.vids[i].len = SA_VID_MAX;
	assert_int_equal(sa_encode(&s, &r, &f), 0);
	sa_rec_wipe(&r);
	sample_rec(&r, SA_CHILD, true);
	r.child.n_local_ts = SA_SELECTORS_MAX;
	for (i = 1; i < SA_SELECTORS_MAX; i++)
		r.child.local_ts[i] = r.child.remote_ts[1];
	assert_int_equal(sa_encode(&s, &r, &f), 0);
	sa_rec_wipe(&r);
	assert_int_equal(sa_decode(&r, secret_span(&s), &f), s.len);
	assert_int_equal(r.child.n_local_ts, SA_SELECTORS_MAX);
	sa_rec_wipe(&r);
	secret_free(&s);
}

/* What the schema cannot say about a binding. */
static void
test_binding_valid(void **state)
{
	struct sa_rec full, r;
	struct sa_nhrp_binding *b = &r.binding;

	(void)state;
	sample_rec(&full, SA_NHRP_BINDING, true);
	r = full;
	assert_true(sa_binding_valid(b));
	assert_int_equal(addr_cmp(sa_binding_nbma(b), &b->nat_nbma), 0);
	b->prefix = 33;
	assert_false(sa_binding_valid(b));
	r = full;
	assert_int_equal(addr_parse(&b->via, "2001:db8::1"), 0);
	assert_false(sa_binding_valid(b));
	r = full;
	assert_int_equal(addr_parse(&b->nat_nbma, "2001:db8::1"), 0);
	assert_false(sa_binding_valid(b));
	r = full;
	b->nat_nbma.family = b->nbma.family = 0;
	assert_false(sa_binding_valid(b));
	b->holding = 0;
	assert_true(sa_binding_valid(b));
	b->holding = 1;
	b->kind = NHRP_KIND_NEGATIVE;
	assert_true(sa_binding_valid(b));
	assert_int_equal(addr_parse(&b->proto, "2001:db8::1"), 0);
	b->via.family = 0;
	b->prefix = 128;
	assert_true(sa_binding_valid(b));
	b->prefix = 129;
	assert_false(sa_binding_valid(b));
	assert_string_equal(nhrp_kind_word(NHRP_KIND_NEGATIVE), "negative");
}

/* Every sample on standard output, for the check against the schema in cddl-check.bats. */
static int
write_samples(void)
{
	struct copy c;
	int type, full;

	for (type = SA_IKE; type <= SA_NEXT_HOP; type++)
		for (full = 0; full < 2; full++) {
			c = encoded((enum sa_type)type, full != 0);
			if (fwrite(c.p, 1, c.len, stdout) != c.len)
				return (1);
			free(c.p);
		}
	return (fflush(stdout) != 0);
}

#define CLASS(name, t)	{ name, t, NULL, NULL, NULL }

/* Traffic of as many child SAs as one record has room for. */
static void
test_traffic(void **state)
{
	static uint8_t all[SA_TRAFFIC_MAX * SA_TRAFFIC_LEN];
	struct sa_event one = {0};
	struct secret cbor = {0};
	struct sa_rec r, back;
	struct fault f;

	(void)state;
	for (uint32_t i = 0; i < SA_TRAFFIC_MAX; i++) {
		put_be32(one.spi_in, 0x10000 + i);
		one.bytes_in = UINT64_MAX - i;
		one.bytes_out = i;
		one.packets_in = 2 * UINT64_C(0x100000000) + i;
		one.packets_out = 7;
		sa_traffic_put(all + i * SA_TRAFFIC_LEN, &one);
	}
	sample_rec(&r, SA_EVENT, false);
	r.event.what = SA_EVENT_TRAFFIC;
	r.event.has_spi_in = false;
	r.event.sas = SPAN_ARRAY(all);
	assert_int_equal(sa_encode(&cbor, &r, &f), 0);
	assert_int_equal(sa_decode(&back, secret_span(&cbor), &f), cbor.len);
	assert_true(back.event.what == SA_EVENT_TRAFFIC && !back.event.has_spi_in && back.event.sas.len == sizeof(all));
	for (uint32_t i = 0; i < SA_TRAFFIC_MAX; i++) {
		sa_traffic_get(&one, back.event.sas.p + i * SA_TRAFFIC_LEN);
		assert_true(one.has_spi_in && one.has_count && get_be32(one.spi_in) == 0x10000 + i);
		assert_true(one.bytes_in == UINT64_MAX - i && one.bytes_out == i && one.packets_out == 7);
		assert_true(one.packets_in == 2 * UINT64_C(0x100000000) + i);
	}
	secret_free(&cbor);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_sorted),
		cmocka_unit_test(test_truncations),
		CLASS("A26: a key that is missing, comes twice or has another type is refused", test_spoilt_keys),
		CLASS("A26: keys twice in another form, and text that is no UTF-8, are refused at any depth", test_unknown_values),
		CLASS("A26: records nested too deep are refused at once", test_depth),
		CLASS("A26: lengths and counts that cannot come true are not waited for", test_size),
		CLASS("A26: the keys of a map are bounded", test_many_keys),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_cut_at_character),
		cmocka_unit_test(test_encode_mends_text),
		cmocka_unit_test(test_kinds_and_words),
		cmocka_unit_test(test_types_and_versions),
		CLASS("A26: no byte of a record is read too far, whatever it is", test_flipped_bytes),
		cmocka_unit_test(test_full_sets_encode),
		cmocka_unit_test(test_binding_valid), cmocka_unit_test(test_traffic),
	};

	(void)secret_init();
	if (argc == 2 && strcmp(argv[1], "--samples") == 0)
		return (write_samples());
	return (cmocka_run_group_tests_name("sa codec", tests, NULL, NULL));
}
