/*
 * IKE fragments. The set against a model that keeps each number apart; a message taken apart comes back, whatever order
 * its fragments have; the pool under any datagrams keeps its limits and only gives messages.
 */

#include "wire/frag_pool.h"
#include "must.h"

struct input { const uint8_t *p; size_t left; };

static uint8_t
byte(struct input *in)
{
	if (in->left == 0)
		return (0);
	in->left--;
	return (*in->p++);
}

static struct span
chunk(struct input *in, size_t n)
{
	struct span s;

	if (n > in->left)
		n = in->left;
	s = span_of(in->p, n);
	in->p += n;
	in->left -= n;
	return (s);
}

/* --- a set and its model --- */

static void
set(struct input *in)
{
	struct { const uint8_t *p; size_t len; } model[FRAGS_MAX + 1] = {0};
	size_t max = byte(in), total = 0, n = 0, at = 0, i;
	struct frag_set *g = frag_set_new(max);
	struct isakmp_hdr h = {0};
	struct bytes whole = {0};
	unsigned last = 0;
	bool done = false;

	must(g != NULL);
	while (in->left > 0 && !done) {
		struct frag p = { .number = byte(in) };
		uint8_t how = byte(in);
		struct fault f = {0};
		enum frag_added is;

		p.last = (how & 1) != 0;
		p.data = chunk(in, how >> 3);
		if (p.number == 0 || p.data.len == 0)
			continue;
		if ((how & 6) == 6) {		/* another message */
			h.mid++;
			memset(model, 0, sizeof(model));
			total = n = last = 0;
		}
		is = frag_set_add(g, &h, &p, &f);
		must((is == FRAG_REFUSED) == (f.code != FAULT_NONE));
		if (is == FRAG_AGAIN)
			must(model[p.number].len == p.data.len &&
			    memcmp(model[p.number].p, p.data.p, p.data.len) == 0);
		if (is == FRAG_KEPT || is == FRAG_DONE) {
			must(model[p.number].len == 0 && (last == 0 || p.number < last));
			model[p.number].p = p.data.p;
			model[p.number].len = p.data.len;
			total += p.data.len;
			n++;
			last = p.last ? p.number : last;
		}
		must(total <= max && frag_set_count(g) == n);
		done = is == FRAG_DONE;
		must(done == (last != 0 && n == last));
	}
	must((frag_set_join(g, &whole) == 0) == done);
	if (done) {
		must(whole.len == total);
		for (i = 1; i <= last; at += model[i++].len)
			must(model[i].len > 0 && memcmp(whole.p + at, model[i].p, model[i].len) == 0);
	}
	bytes_free(&whole);
	frag_set_free(g);
}

/* --- apart and together --- */

static void
together(struct input *in)
{
	static uint8_t msg[2048], buf[2048 + FRAG_HDR_LEN];
	struct isakmp_hdr h = { .version = ISAKMP_VERSION_1, .exchange = EXCHANGE_MAIN, .next = PAYLOAD_ID };
	size_t part = 1 + (size_t)byte(in) * 4, len = ISAKMP_HDR_LEN + (size_t)byte(in) * 7, n = frag_count(len, part);
	struct frag_pool pool = {0};
	struct wr w = wr_of(msg, sizeof(msg));
	const struct addr from = { .family = 4 };
	const struct now now = {0};
	struct bytes whole = {0};
	bool got = false, have[FRAGS_MAX] = {0};
	struct span one;
	struct fault f;
	size_t i, left = n;

	h.length = (uint32_t)len;
	isakmp_hdr_put(&w, &h);
	for (i = ISAKMP_HDR_LEN; i < len; i++)
		msg[i] = (uint8_t)(i * 31);
	must(n > 0 || len > FRAGS_MAX * part);
	while (left > 0) {
		i = in->left > 0 ? byte(in) % n : left - 1;
		for (; have[i] && in->left == 0; i = (i + 1) % n)
			;
		one = frag_put(buf, sizeof(buf), span_of(msg, len), part, i);
		must(one.len > 0 && isakmp_hdr_get(&h, one, &f) == 0);
		got = frag_pool_add(&pool, now, &from, FRAG_STRANGER, &h, one, &whole, &f);
		left -= !have[i];
		have[i] = true;
		must(got == (left == 0) && f.code == FAULT_NONE);
	}
	if (got)
		must(whole.len == len && memcmp(whole.p, msg, len) == 0 && pool.n == 0);
	bytes_free(&whole);
	frag_pool_free(&pool);
}

/* --- any datagrams --- */

static void
anything(struct input *in)
{
	static uint8_t buf[1024];
	struct frag_pool pool = {0};
	struct bytes whole = {0};
	struct now now = {0};

	while (in->left > 0) {
		struct addr from = { .family = 4, .b = { byte(in) } };
		uint8_t how = byte(in);
		struct isakmp_hdr h, own;
		struct span s = chunk(in, FRAG_HDR_LEN - 4 + byte(in));
		struct fault f = {0};

		now.ms += (uint64_t)(how & 15) * 300;
		if (s.len > 0)
			memcpy(buf, s.p, s.len);
		if ((how & 16) != 0 && s.len >= FRAG_HDR_LEN) {	/* a fragment by its header, of few SAs */
			memset(buf, 0, 16);
			buf[0] = how >> 6;
			buf[16] = PAYLOAD_FRAG;
			put_be32(buf + 24, (uint32_t)s.len);
			buf[28] = 0;
			put_be16(buf + 30, (uint16_t)(s.len - ISAKMP_HDR_LEN));
		}
		if (isakmp_hdr_get(&h, span_of(buf, s.len), &f) != 0)
			continue;
		if (frag_pool_add(&pool, now, &from, (enum frag_trust)(how >> 5 & 3), &h, span_of(buf, s.len), &whole, &f))
			must(f.code == FAULT_NONE && isakmp_hdr_get(&own, bytes_span(&whole), &f) == 0 &&
			    own.next != PAYLOAD_FRAG && memcmp(own.cky_i, h.cky_i, COOKIE_LEN) == 0 &&
			    whole.len <= FRAG_MSG_MAX);
		must(pool.n <= FRAG_POOL_MAX);
		if ((how & 0xf0) == 0)
			frag_pool_drop(&pool, h.cky_i, h.cky_r);
	}
	bytes_free(&whole);
	frag_pool_free(&pool);
}

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data, len };

	switch (byte(&in) % 3) {
	case 0:
		set(&in);
		break;
	case 1:
		together(&in);
		break;
	default:
		anything(&in);
	}
	return (0);
}
