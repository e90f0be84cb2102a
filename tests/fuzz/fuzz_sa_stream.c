/*
 * SA state through a pipe, cut where the input says: it reads as the same records, at the same offsets, with the
 * same fault at the end, as all of it at once. The first byte: bit 0, only well-formed records are asked for (as
 * sa-show does); bit 1, from a file in place of a pipe; the upper half, the number of pieces. Then the length of
 * each piece, 2 bytes, and the stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "os/record_in.h"
#include "sa/codec.h"
#include "sa/item.h"
#include "must.h"

#define PIECE_MAX	16384	/* the pipe takes it whole */

struct told {			/* of one record after the other */
	struct span	rest;
	uint64_t	off;
	bool		raw;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reading ${t} in one piece says next: 1 a record, 0 the end, -1 a fault. */
static int
expect(const struct told *t, struct sa_rec *r, long *len, struct fault *f)
{
	r->type = SA_NONE;
	*len = t->rest.len == 0 ? 0 : t->raw ? item_check(t->rest, SA_REC_BYTES, SA_REC_DEPTH, f) :
	    sa_decode(r, t->rest, f);
	if (*len == 0 && t->rest.len > 0)
		return (fault_at(f, FAULT_TRUNCATED, (size_t)t->off, "cut short"));
	if (*len < 0 && f->at != FAULT_AT_NONE)
		f->at += (size_t)t->off;
	return (*len > 0 ? 1 : *len < 0 ? -1 : 0);
}

/* Reads what is there now. False: a fault, which the other way of reading has too. */
static bool
drain(struct sa_in *in, struct told *t)
{
	struct sa_rec r, want;
	struct sa_in_at at;
	struct fault f, g;
	long len;
	int rc;

	while ((rc = sa_in_next(in, false, &r, &at, &f)) > 0) {
		must(expect(t, &want, &len, &g) == 1 && r.type == want.type);
		must(at.source == 0 && at.off == t->off && span_eq(at.raw, span_of(t->rest.p, (size_t)len)));
		t->rest = span_of(t->rest.p + len, t->rest.len - (size_t)len);
		t->off += (uint64_t)len;
		sa_rec_wipe(&r);
		sa_rec_wipe(&want);
	}
	if (rc == 0)
		return (true);
	must(expect(t, &want, &len, &g) == -1 && f.code == g.code && f.at == g.at);
	must(sa_in_ended(in));
	return (false);
}

static struct sa_in *
open_fd(int fd, bool raw)
{
	static char name[32];	/* the reader keeps it */
	char *names[] = { name };
	struct sa_in *in;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	must((in = sa_in_open(1, names, NULL)) != NULL);
	(void)close(fd);
	if (raw)
		sa_in_take_raw(in);
	return (in);
}

static void
by_file(struct told *t)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	struct sa_in *in;

	must(fd != -1 && write(fd, t->rest.p, t->rest.len) == (ssize_t)t->rest.len);
	in = open_fd(fd, t->raw);
	if (drain(in, t))
		must(sa_in_ended(in) && t->rest.len == 0);
	sa_in_close(in);
}

/* The last piece is what the cuts leave, in parts that the pipe takes. */
static void
by_pipe(struct told *t, struct span cuts)
{
	struct span left = t->rest;
	struct sa_in *in;
	size_t n;
	int p[2];
	bool good = true;

	must(pipe2(p, O_CLOEXEC) == 0);
	in = open_fd(p[0], t->raw);
	for (; good && left.len > 0; left = span_of(left.p + n, left.len - n)) {
		n = cuts.len >= 2 ? get_be16(cuts.p) : PIECE_MAX;
		if (cuts.len >= 2)
			cuts = span_of(cuts.p + 2, cuts.len - 2);
		n = n > left.len ? left.len : n;
		n = n > PIECE_MAX ? PIECE_MAX : n;
		must(n == 0 || write(p[1], left.p, n) == (ssize_t)n);
		good = drain(in, t);
		must(!good || !sa_in_ended(in));
	}
	(void)close(p[1]);
	if (good && drain(in, t))
		must(sa_in_ended(in) && t->rest.len == 0);
	sa_in_close(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told t = {0};
	size_t cuts;

	(void)secret_init();
	if (size < 1 || (cuts = 2 * (size_t)(data[0] >> 4)) > size - 1)
		return (0);
	t.raw = (data[0] & 1) != 0;
	t.rest = span_of(data + 1 + cuts, size - 1 - cuts);
	if ((data[0] & 2) != 0)
		by_file(&t);
	else
		by_pipe(&t, span_of(data + 1, cuts));
	must(CRYPTO_secure_used() == 0);	/* no secret of a half-decoded record is left */
	return (0);
}
