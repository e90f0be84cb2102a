/* What a command that judges logins reads and prints. */
#include "tool/checkpw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/report.h"
#include "crypto/crypto.h"

/* The next text that ends with a NUL; NULL: there is none. */
static const char *
next_text(struct span *rest)
{
	const uint8_t *nul = rest->len > 0 ? memchr(rest->p, '\0', rest->len) : NULL;
	const char *text = (const char *)rest->p;

	if (nul == NULL)
		return (NULL);
	*rest = span_of(nul + 1, rest->len - (size_t)(nul + 1 - rest->p));
	return (text);
}

static const char *
value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	return (strncmp(text, key, len) == 0 && text[len] == '=' ? text + len + 1 : NULL);
}

/* "KEY=VALUE" behind the timestamp; another key is ignored. 0 or -1. */
static int
take_more(struct checkpw *c, const char *text, bool chap[2])
{
	const char *v;
	long n;

	if ((v = value_of(text, "remote")) != NULL) {
		if (strlen(v) >= sizeof(c->remote))
			return (-1);
		memcpy(c->remote, v, strlen(v) + 1);
	} else if ((v = value_of(text, "round")) != NULL)
		c->round = (unsigned)strtoul(v, NULL, 10);
	else if ((v = value_of(text, "state")) != NULL) {
		if ((n = hex_get(c->state, sizeof(c->state), v)) < 0)
			return (-1);
		c->state_len = (size_t)n;
	} else if ((v = value_of(text, "challenge")) != NULL) {
		chap[0] = hex_get(c->challenge, sizeof(c->challenge), v) == sizeof(c->challenge);
		return (chap[0] ? 0 : -1);
	} else if ((v = value_of(text, "chap")) != NULL) {
		chap[1] = hex_get(c->chap, sizeof(c->chap), v) == sizeof(c->chap);
		return (chap[1] ? 0 : -1);
	}
	return (0);
}

int
checkpw_parse(struct checkpw *c, struct span text, struct fault *f)
{
	const char *user = next_text(&text), *password = user != NULL ? next_text(&text) : NULL, *more;
	bool chap[2] = {0};

	*c = (struct checkpw){ .round = 1 };
	if (password == NULL || next_text(&text) == NULL)
		return (fault(f, FAULT_MALFORMED, "descriptor 3 has no user, password and timestamp that end with a NUL each"));
	if (user[0] == '\0' || strlen(user) >= sizeof(c->user))
		return (fault(f, FAULT_MALFORMED, "the user's name is empty or has more than %zu bytes", sizeof(c->user) - 1));
	memcpy(c->user, user, strlen(user) + 1);
	if (secret_set(&c->password, span_str(password)) != 0)
		return (fault(f, FAULT_MEMORY, "no memory for a password"));
	while ((more = next_text(&text)) != NULL)
		if (take_more(c, more, chap) != 0) {
			checkpw_wipe(c);
			return (fault(f, FAULT_MALFORMED, "a value behind the timestamp is too long or not hexadecimal"));
		}
	c->has_chap = chap[0] && chap[1];
	return (0);
}

int
checkpw_read(struct checkpw *c, int fd, struct fault *f)
{
	uint8_t buf[CHECKPW_MAX + 1];
	size_t len = 0;
	ssize_t n;
	int rc;

	while (len < sizeof(buf) && ((n = read(fd, buf + len, sizeof(buf) - len)) > 0 || (n == -1 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	if (len == 0)
		return (fault(f, FAULT_USAGE, "nothing comes on descriptor %d: it is run by ike-respond --xauth-exec", fd));
	rc = len < sizeof(buf) ? checkpw_parse(c, span_of(buf, len), f) :
	    fault(f, FAULT_TOO_LARGE, "more than %d bytes come on descriptor %d", CHECKPW_MAX, fd);
	wipe(buf, sizeof(buf));
	return (rc);
}

void
checkpw_wipe(struct checkpw *c)
{
	secret_free(&c->password);
	wipe(c, sizeof(*c));
}

int
checkpw_chap(uint8_t out[IKE_CHAP_LEN], uint8_t id, struct span password, struct span challenge, struct fault *f)
{
	const struct span parts[] = { span_of(&id, 1), password, challenge };
	uint8_t digest[HASH_MAX];

	if (hash_parts(alg_hash_word("md5"), digest, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	memcpy(out, digest, IKE_CHAP_LEN);
	wipe(digest, sizeof(digest));
	return (0);
}

void
checkpw_print(const char *key, const char *value, size_t len)
{
	char text[SA_TEXT];
	size_t i;

	for (i = 0; i < len && i < sizeof(text) - 1; i++)
		text[i] = (unsigned char)value[i] < ' ' || value[i] == 0x7f ? '?' : value[i];
	text[i] = '\0';
	(void)printf("%s=%s\n", key, text);
}

void
checkpw_print_hex(const char *key, struct span value)
{
	size_t i;

	(void)printf("%s=", key);
	for (i = 0; i < value.len; i++)
		(void)printf("%02x", value.p[i]);
	(void)printf("\n");
}

bool
checkpw_is_group(const char *value)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@:+/-";
	size_t len = strlen(value);

	return (len > 0 && len < SA_NAME && strspn(value, safe) == len);
}

enum checkpw_status
checkpw_fault(const struct fault *f)
{
	/* The hints for other codes are about IKE. */
	if (f->code == FAULT_USAGE)
		(void)report_fault(f);
	else
		report_note(f);
	switch (f->code) {
	case FAULT_USAGE:
	case FAULT_CONFIG:
	case FAULT_SECRET_FILE:
	case FAULT_PERMISSION:
	case FAULT_MALFORMED:
	case FAULT_TOO_LARGE:
	case FAULT_BAD_ADDRESS:
		return (CHECKPW_MISUSED);
	case FAULT_AUTH_FAILED:
		return (CHECKPW_NO);
	default:
		return (CHECKPW_LATER);
	}
}
