/* Secrets in libcrypto's secure heap. */
#include "base/secret.h"

#include <openssl/crypto.h>

/* Enough for some 10 000 SAs; below the usual RLIMIT_MEMLOCK of 8 MiB. */
#define SECRET_HEAP	((size_t)4 * 1024 * 1024)
#define SECRET_UNIT	32	/* bytes: the smallest block of the heap */

static uint8_t nothing[1];

int
secret_init(void)
{
	if (CRYPTO_secure_malloc_initialized())
		return (0);
	/* 2: the heap works but is not locked. 0: there is no heap. */
	return (CRYPTO_secure_malloc_init(SECRET_HEAP, SECRET_UNIT) == 1 ? 0 : -1);
}

size_t
secret_room(void)
{
	size_t used = CRYPTO_secure_used();

	return (used < SECRET_HEAP ? SECRET_HEAP - used : 0);
}

uint8_t *
secret_make(struct secret *s, size_t len)
{
	secret_free(s);
	if (len == 0)
		return (nothing);
	if (len > SECRET_MAX || (s->p = OPENSSL_secure_zalloc(len)) == NULL)
		return (NULL);
	s->len = len;
	return (s->p);
}

int
secret_set(struct secret *s, struct span v)
{
	struct secret copy = {0};

	/* By way of a copy, as ${v} may lie inside ${s}. */
	if (secret_make(&copy, v.len) == NULL)
		return (-1);
	if (v.len > 0)
		memcpy(copy.p, v.p, v.len);
	secret_move(s, &copy);
	return (0);
}

void
secret_cut(struct secret *s, size_t len)
{
	struct secret rest = {0};

	if (len >= s->len)
		return;
	/* The heap wants the allocated length at release, so move, don't shorten. */
	if (secret_make(&rest, len) == NULL) {
		secret_free(s);
		return;
	}
	if (len > 0)
		memcpy(rest.p, s->p, len);
	secret_move(s, &rest);
}

void
secret_move(struct secret *to, struct secret *from)
{
	secret_free(to);
	*to = *from;
	*from = (struct secret){0};
}

void
secret_free(struct secret *s)
{
	if (s->p != NULL)
		OPENSSL_secure_clear_free(s->p, s->len);
	*s = (struct secret){0};
}

void
wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}

bool
ct_eq(struct span a, struct span b)
{
	return (a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.p, b.p, a.len) == 0));
}
