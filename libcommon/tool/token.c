/* Private keys on a token: the process that signs, and the questions to it. */
#include "tool/token.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/helper.h"

#define PIN_MAX		128
#define ANSWER_MAX	4096	/* bytes: a public key, a signature, or why there is none */

struct answer {
	uint8_t		ok;
	uint16_t	len;
	uint8_t		b[ANSWER_MAX];
};

struct opening {	/* inherited by the helper */
	const char	*uri;
	uint8_t		 pin[PIN_MAX];	/* a copy: a child process does not have the memory of secrets */
	size_t		 pin_len;
};

/* --- in the helper --- */

static bool
tell(int fd, bool ok, struct span what)
{
	struct answer a = { .ok = ok, .len = (uint16_t)(what.len < ANSWER_MAX ? what.len : ANSWER_MAX) };

	if (a.len > 0)
		memcpy(a.b, what.p, a.len);
	return (send(fd, &a, sizeof(a), MSG_NOSIGNAL) == (ssize_t)sizeof(a));
}

static void
serve(void *ctx, int fd)
{
	struct opening *o = ctx;
	struct sign_key *k = NULL;
	struct bytes out = {0};
	struct fault f = {0};
	uint8_t hash[64];
	bool ok = sign_key_engine(&k, o->uri, span_of(o->pin, o->pin_len), &f) == 0 &&
	    sign_key_public(k, &out, &f) == 0;
	ssize_t n;

	wipe(o->pin, sizeof(o->pin));

	while (tell(fd, ok, ok ? bytes_span(&out) : span_str(f.what)) && k != NULL) {
		while ((n = recv(fd, hash, sizeof(hash), 0)) == -1 && errno == EINTR)
			;
		if (n <= 0)
			break;
		bytes_free(&out);
		f = (struct fault){0};
		ok = sign_make(k, span_of(hash, (size_t)n), &out, &f) == 0;
	}
	/* Modules may hang in their own clean-up: the end of the process is enough. */
	_exit(0);
}

/* --- in the tool --- */

/* The next answer, within ${s} seconds. 0 with ${out}, or -1 with the helper's words. */
static int
hear(const struct helper *h, unsigned s, struct bytes *out, struct fault *f)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN };
	struct answer a;
	int rc;

	while ((rc = poll(&p, 1, (int)s * 1000)) == -1 && errno == EINTR)
		;
	if (rc == 0)
		return (fault(f, FAULT_SECRET_FILE, "the token does not answer within %u s", s));
	if (rc < 0 || recv(h->fd, &a, sizeof(a), MSG_DONTWAIT) != (ssize_t)sizeof(a) || a.len > ANSWER_MAX)
		return (fault(f, FAULT_SECRET_FILE, "the process that holds the token has ended"));
	if (!a.ok)
		return (fault(f, FAULT_SECRET_FILE, "%.*s", (int)a.len, (const char *)a.b));
	return (bytes_set(out, span_of(a.b, a.len)) == 0 ? 0 : fault(f, FAULT_MEMORY, "no memory for a signature"));
}

static int
token_sign(void *ctx, struct span hash, struct bytes *out, struct fault *f)
{
	const struct helper *h = ctx;

	if (send(h->fd, hash.p, hash.len, MSG_NOSIGNAL) != (ssize_t)hash.len)
		return (fault(f, FAULT_SECRET_FILE, "the process that holds the token has ended"));
	return (hear(h, TOKEN_SIGN_S, out, f));
}

static void
token_end(void *ctx)
{
	helper_close(ctx, 200);
	free(ctx);
}

int
token_open(struct sign_key **out, const char *uri, struct span pin, struct fault *f)
{
	struct opening o = { .uri = uri, .pin_len = pin.len };
	struct helper *h;
	struct bytes spki = {0};
	int rc = -1;

	if (strstr(uri, "pin-value") != NULL)
		return (fault(f, FAULT_CONFIG, "a PIN in the URI is visible to others: --key-passphrase names a file with it"));
	if (pin.len > sizeof(o.pin))
		return (fault(f, FAULT_SECRET_FILE, "the PIN is longer than %zu bytes", sizeof(o.pin)));
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a token"));
	memcpy(o.pin, pin.p, pin.len);
	rc = helper_fork(h, serve, &o, -1, false, f);
	wipe(o.pin, sizeof(o.pin));
	if (rc != 0) {
		free(h);
		return (-1);
	}
	rc = -1;
	if (hear(h, TOKEN_OPEN_S, &spki, f) == 0)
		rc = sign_key_elsewhere(out, bytes_span(&spki), token_sign, token_end, h, f);
	if (rc != 0)
		token_end(h);
	bytes_free(&spki);
	return (rc);
}
