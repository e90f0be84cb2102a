/* Claims in files of their own, as earlier versions made them: names and contents. */
#include "claim/claim_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"
#include "crypto/crypto.h"
#include "wire/rd.h"
#include "wire/wr.h"

#define KEEP		86400	/* seconds that a claim outlives its SA: clocks may be set back */

/* magic | out | in | expires | check: 8 bytes each. */
#define FILE_LEN	40
#define MAGIC		UINT64_C(0x736170636c6d3031)	/* "sapclm01" */

uint64_t
claim_plus(uint64_t a, uint64_t b)
{
	return (a > UINT64_MAX - b ? UINT64_MAX : a + b);
}

int
claim_check(const uint8_t *p, size_t len, uint8_t out[8])
{
	const struct alg_hash *h = alg_hash_word("sha256");
	struct span part = span_of(p, len);
	uint8_t sum[HASH_MAX];

	if (hash_parts(h, sum, &part, 1, NULL) != 0)
		return (-1);
	memcpy(out, sum, 8);
	return (0);
}

bool
claim_put(int fd, const struct claim_numbers *n)
{
	uint8_t b[FILE_LEN];

	put_be64(b, MAGIC);
	put_be64(b + 8, n->out);
	put_be64(b + 16, n->in);
	put_be64(b + 24, n->expires);
	/* 40 bytes within one sector are written atomically; the checksum detects all other damage. */
	return (claim_check(b, FILE_LEN - 8, b + 32) == 0 && pwrite(fd, b, FILE_LEN, 0) == FILE_LEN);
}

int
claim_load(int dir, const char *name, struct claim_numbers *n, struct fault *f)
{
	uint8_t b[FILE_LEN + 1] = {0}, sum[8];
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t len;

	if (fd == -1 && errno == ENOENT)
		return (0);
	if (fd == -1)
		return (fault_because(f, CAUSE_STATE_DIR,
		    fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_SYSTEM,
		    "cannot open claim %s", name)));
	len = read(fd, b, sizeof(b));
	(void)close(fd);
	if (len == -1)
		return (fault_sys(f, FAULT_SYSTEM, "cannot read claim %s", name));
	if (len != FILE_LEN)
		return (fault_because(f, CAUSE_CLAIM, fault(f, FAULT_MALFORMED, "claim %s is damaged: it has "
		    "%s%zd bytes in place of %d; the numbers that were used are not known", name,
		    len > FILE_LEN ? "more than " : "", len > FILE_LEN ? (ssize_t)FILE_LEN : len, FILE_LEN)));
	if (get_be64(b) != MAGIC || claim_check(b, FILE_LEN - 8, sum) != 0 || !span_eq(SPAN_ARRAY(sum), span_of(b + 32, 8)))
		return (fault_because(f, CAUSE_CLAIM, fault(f, FAULT_MALFORMED, "claim %s is damaged: its "
		    "checksum is wrong; the numbers that were used are not known", name)));
	n->out = get_be64(b + 8);
	n->in = get_be64(b + 16);
	n->expires = get_be64(b + 24);
	return (1);
}

bool
claim_is_name(const char *name)
{
	size_t n = strlen(name);

	return (n == CLAIM_NAME_LEN && strspn(name, "0123456789abcdef") == CLAIM_HEX &&
	    strcmp(name + CLAIM_HEX, CLAIM_SUFFIX) == 0);
}

bool
claim_numbers_over(const struct claim_numbers *n, uint64_t now)
{
	return (claim_plus(n->expires, KEEP) < now);
}

bool
claim_is_over(int dir, const char *name, uint64_t now)
{
	struct claim_numbers n;

	return (claim_load(dir, name, &n, NULL) == 1 && claim_numbers_over(&n, now));
}

DIR *
claim_list(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;

	if (d == NULL && fd != -1)
		(void)close(fd);
	return (d);
}
