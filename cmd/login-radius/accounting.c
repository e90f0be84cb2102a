/* Accounting-Requests. */
#include "accounting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/report.h"
#include "tool/account.h"

#define VIRTUAL		5	/* NAS-Port-Type */
#define FRAMED		2	/* Service-Type */

/* A report: "KEY=VALUE\0" behind each other. */
struct event {
	const char	*nas;
	size_t		 len;
	char		 text[CHECKPW_MAX + 1];
};

/* "": there is none. */
static const char *
value(const struct event *e, const char *key)
{
	size_t at, n = strlen(key);

	for (at = 0; at < e->len; at += strlen(e->text + at) + 1)
		if (strncmp(e->text + at, key, n) == 0 && e->text[at + n] == '=')
			return (e->text + at + n + 1);
	return ("");
}

/* False: there is none, or it is no number. */
static bool
number(const struct event *e, const char *key, uint64_t *n)
{
	const char *text = value(e, key);
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 10);
	return (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0);
}

static void
put_text(struct radius *p, enum radius_attr type, const char *text)
{
	if (text[0] != '\0')
		radius_put(p, type, span_str(text));
}

static void
put_address(struct radius *p, const struct event *e, const char *key, enum radius_attr type, uint8_t family)
{
	struct addr a;

	if (addr_parse(&a, value(e, key)) == 0 && a.family == family)
		radius_put(p, type, addr_span(&a));
}

/* The low 32 bits, and the high ones, if there are any (RFC 2869 section 5.1). */
static void
put_octets(struct radius *p, const struct event *e, const char *key, enum radius_attr low, enum radius_attr high)
{
	uint64_t n;

	if (!number(e, key, &n))
		return;
	radius_put_number(p, low, (uint32_t)n);
	if (n >> 32 != 0)
		radius_put_number(p, high, (uint32_t)(n >> 32));
}

static void
put_number(struct radius *p, const struct event *e, const char *key, enum radius_attr type)
{
	uint64_t n;

	if (number(e, key, &n))
		radius_put_number(p, type, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
}

/* What login-radius kept of the Access-Accept: the Class (RFC 2865 section 5.25), and the name to report the user under. */
static bool
put_kept(struct radius *p, const struct event *e)
{
	uint8_t kept[LOGIN_ACCOUNT], type;
	long n = hex_get(kept, sizeof(kept), value(e, "account"));
	bool named = false;
	struct span v;
	size_t at = 0;

	while (n > 0 && radius_next(span_of(kept, (size_t)n), &at, &type, &v))
		if (type == RADIUS_CLASS || type == RADIUS_USER_NAME) {
			radius_put(p, type, v);
			named = named || type == RADIUS_USER_NAME;
		}
	return (named);
}

static void
put_cause(struct radius *p, const struct event *e)
{
	static const uint32_t numbers[ACCOUNT_CAUSES] = {	/* RFC 2866 section 5.10 */
		[ACCOUNT_USER_REQUEST] = 1, [ACCOUNT_LOST_CARRIER] = 2, [ACCOUNT_LOST_SERVICE] = 3,
		[ACCOUNT_SESSION_TIMEOUT] = 5, [ACCOUNT_ADMIN_RESET] = 6, [ACCOUNT_ADMIN_REBOOT] = 7, [ACCOUNT_NAS_ERROR] = 9,
	};
	size_t i;

	for (i = 0; i < ACCOUNT_CAUSES; i++)
		if (strcmp(value(e, "cause"), account_cause_words[i]) == 0)
			radius_put_number(p, RADIUS_ACCT_TERMINATE_CAUSE, numbers[i]);
}

/* Acct-Status-Type (RFC 2866 section 5.1); 0: it is no report. */
static uint32_t
status_type(const struct event *e)
{
	static const struct { const char *word; uint32_t n; } rows[] = {
		{ "start", 1 }, { "stop", 2 }, { "interim", 3 }, { "on", 7 }, { "off", 8 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].word, value(e, "event")) == 0)
			return (rows[i].n);
	return (0);
}

static int
make(void *ctx, struct radius *p, struct span secret, struct fault *f)
{
	const struct event *e = ctx;
	time_t now = time(NULL);
	uint64_t when;

	if (radius_begin(p, RADIUS_ACCOUNT_REQUEST, f) != 0)
		return (-1);
	radius_put_number(p, RADIUS_ACCT_STATUS_TYPE, status_type(e));
	put_text(p, RADIUS_NAS_IDENTIFIER, e->nas);
	if (number(e, "time", &when) && now > 0) {
		if (when <= UINT32_MAX)
			radius_put_number(p, RADIUS_EVENT_TIMESTAMP, (uint32_t)when);
		radius_put_number(p, RADIUS_ACCT_DELAY_TIME, (uint64_t)now > when ? (uint32_t)((uint64_t)now - when) : 0);
	}
	if (value(e, "session")[0] != '\0') {
		put_text(p, RADIUS_ACCT_SESSION_ID, value(e, "session"));
		if (!put_kept(p, e))
			put_text(p, RADIUS_USER_NAME, value(e, "user"));
		radius_put_number(p, RADIUS_NAS_PORT_TYPE, VIRTUAL);
		radius_put_number(p, RADIUS_SERVICE_TYPE, FRAMED);
		put_text(p, RADIUS_CALLING_STATION_ID, value(e, "remote"));
		put_text(p, RADIUS_CALLED_STATION_ID, value(e, "local"));
		put_address(p, e, "address", RADIUS_FRAMED_IP_ADDRESS, 4);
		put_address(p, e, "address6", RADIUS_FRAMED_IPV6_ADDRESS, 6);
	}
	put_number(p, e, "seconds", RADIUS_ACCT_SESSION_TIME);
	put_octets(p, e, "bytes-in", RADIUS_ACCT_INPUT_OCTETS, RADIUS_ACCT_INPUT_GIGAWORDS);
	put_octets(p, e, "bytes-out", RADIUS_ACCT_OUTPUT_OCTETS, RADIUS_ACCT_OUTPUT_GIGAWORDS);
	put_number(p, e, "packets-in", RADIUS_ACCT_INPUT_PACKETS);
	put_number(p, e, "packets-out", RADIUS_ACCT_OUTPUT_PACKETS);
	put_cause(p, e);
	return (radius_seal(p, secret, f));
}

static int
read_event(struct event *e, struct fault *f)
{
	ssize_t n;

	while (e->len < sizeof(e->text) && ((n = read(ACCOUNT_FD, e->text + e->len, sizeof(e->text) - e->len)) > 0 ||
	    (n == -1 && errno == EINTR)))
		e->len += n > 0 ? (size_t)n : 0;
	if (e->len == 0)
		return (fault(f, FAULT_USAGE, "nothing comes on descriptor %d: with --accounting it is run by ike-respond "
		    "--xauth-account", ACCOUNT_FD));
	if (e->len == sizeof(e->text) || e->text[e->len - 1] != '\0' || status_type(e) == 0)
		return (fault(f, FAULT_MALFORMED, "descriptor %d has no report of a session", ACCOUNT_FD));
	return (0);
}

enum checkpw_status
accounting(const struct servers *s, const char *nas, struct fault *f)
{
	static struct radius reply;
	struct event e = { .nas = nas };

	if (read_event(&e, f) != 0 || servers_ask(s, make, &e, &reply, f) != 0)
		return (checkpw_fault(f));
	if (reply.b[0] == RADIUS_ACCOUNT_RESPONSE)
		return (CHECKPW_YES);
	(void)fault(f, FAULT_PROTOCOL, "the server answers with code %u", reply.b[0]);
	return (checkpw_fault(f));
}
