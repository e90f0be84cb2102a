/* login-radius: has the users of XAuth judged by RADIUS servers, or reports their sessions to them. */
#include <stdio.h>
#include <string.h>

#include "accounting.h"
#include "radius.h"
#include "servers.h"

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "crypto/crypto.h"
#include "tool/checkpw.h"
#include "tool/login.h"

#define NAS_VIRTUAL	5	/* NAS-Port-Type (RFC 2865 section 5.41) */

struct opts {
	struct opt_list	 servers, secrets;
	const char	*nas;
	uint32_t	 timeout_ms, tries;
	uint8_t		 ask;
	bool		 accounting, chap, need_mac;
};

static const struct opt optab[] = {
	OPT_TOOL("have users of XAuth judged by RADIUS servers"),
	OPT_USE("--server HOST[:PORT] --secret-file FILE  (as ike-respond --xauth-exec CMD)"),
	OPT_USE("--accounting --server HOST[:PORT] --secret-file FILE  (as ike-respond --xauth-account CMD)"),
	OPT_LIST(struct opts, servers, 0, "server", "HOST[:PORT]",
	    "a server (port 1812; for accounting 1813); the next one is asked when it does not answer"),
	OPT_LIST(struct opts, secrets, 0, "secret-file", "FILE",
	    "the secret shared with them: a file, fd:N or env:NAME; or one for each, in their order"),
	OPT_FLAG(struct opts, accounting, 0, "accounting", "report sessions instead of judging users"),
	OPT_MILLIS(struct opts, timeout_ms, 0, "timeout", "S", 100, 20000, "seconds to wait for an answer"),
	OPT_NUM(struct opts, tries, 0, "tries", "N", 1, 5, "requests to each server"),
	OPT_FLAG(struct opts, chap, 0, "chap", "send the password as CHAP, which a server with clear passwords can judge"),
	OPT_CHOICE(struct opts, ask, 0, "ask", "answer|passcode|password|next-pin",
	    "which attribute of XAuth asks for the answer to a challenge"),
	OPT_STR(struct opts, nas, 0, "nas-id", "TEXT", "NAS-Identifier"),
	OPT_FLAG(struct opts, need_mac, 0, "require-message-authenticator", "reject replies without a Message-Authenticator"),
	OPT_END
};
static const char *const ask_words[] = { "answer", "passcode", "password", "next-pin" };

/* The answer of CHAP to a challenge of our own. */
static int
make_chap(struct checkpw *c, struct fault *f)
{
	if (rand_system.fill(rand_system.state, c->challenge, sizeof(c->challenge)) != 0 ||
	    rand_system.fill(rand_system.state, c->chap, 1) != 0)
		return (fault(f, FAULT_CRYPTO, "no random bytes"));
	if (checkpw_chap(c->chap + 1, c->chap[0], secret_span(&c->password), SPAN_ARRAY(c->challenge), f) != 0)
		return (-1);
	c->has_chap = true;
	return (0);
}

struct asking { const struct opts *o; struct checkpw *c; };

static int
make_request(void *ctx, struct radius *p, struct span secret, struct fault *f)
{
	const struct asking *a = ctx;
	const struct opts *o = a->o;
	struct checkpw *c = a->c;

	/* The answer to a challenge is no password that the server could hash. */
	if ((o->chap && !c->has_chap && c->state_len == 0 && make_chap(c, f) != 0) || radius_begin(p, RADIUS_REQUEST, f) != 0)
		return (-1);
	radius_put(p, RADIUS_USER_NAME, span_str(c->user));
	if (c->has_chap) {
		radius_put(p, RADIUS_CHAP_PASSWORD, SPAN_ARRAY(c->chap));
		radius_put(p, RADIUS_CHAP_CHALLENGE, SPAN_ARRAY(c->challenge));
	} else if (radius_put_password(p, secret_span(&c->password), secret, f) != 0)
		return (-1);
	if (c->state_len > 0)
		radius_put(p, RADIUS_STATE, span_of(c->state, c->state_len));
	if (c->remote[0] != '\0')
		radius_put(p, RADIUS_CALLING_STATION_ID, span_str(c->remote));
	radius_put(p, RADIUS_NAS_IDENTIFIER, span_str(o->nas));
	radius_put_number(p, RADIUS_NAS_PORT_TYPE, NAS_VIRTUAL);
	return (radius_seal(p, secret, f));
}

/* --- what the server answers --- */

static void
tell_text(const struct radius *p, enum radius_attr attr, const char *key)
{
	struct span v;

	if (radius_find(p, attr, &v) && v.len > 0)
		checkpw_print(key, (const char *)v.p, v.len);
}

/* The group is the Class, as text or as "OU=NAME;". */
static void
tell_group(const struct radius *p)
{
	char text[RADIUS_VALUE_MAX + 1], *group = text;
	struct span v;
	size_t len;

	if (!radius_find(p, RADIUS_CLASS, &v))
		return;
	memcpy(text, v.p, v.len);
	text[v.len] = '\0';
	if (strncmp(text, "OU=", 3) == 0)
		group += 3;
	len = strlen(group);
	if (len > 0 && group[len - 1] == ';')
		group[len - 1] = '\0';
	if (memchr(v.p, '\0', v.len) == NULL && checkpw_is_group(group))
		checkpw_print("group", group, strlen(group));
	else
		report_warn("the Class of the server is no name of a group");
}

static void
tell_address(const struct radius *p)
{
	char text[ADDR_TEXT];
	struct span v;
	struct addr a;

	/* The two last ones mean that the gateway, or the user, chooses (RFC 2865 section 5.8). */
	if (!radius_find(p, RADIUS_FRAMED_IP_ADDRESS, &v) || v.len != 4 || get_be32(v.p) == 0 || get_be32(v.p) >= 0xfffffffe)
		return;
	a = addr_make(4, v.p);
	(void)addr_text(text, &a);
	checkpw_print("address", text, strlen(text));
}

/* For accounting: the Classes and the user's name, as attributes, and the interval of reports. */
static void
tell_account(const struct radius *p)
{
	uint8_t kept[LOGIN_ACCOUNT], type;
	size_t at = 0, len = 0;
	struct span v;

	while (radius_next(radius_attrs(p), &at, &type, &v)) {
		if ((type != RADIUS_CLASS && type != RADIUS_USER_NAME) || v.len == 0)
			continue;
		if (v.len + 2 > sizeof(kept) - len) {
			report_warn("the server sends more than %zu bytes of Class: accounting will not have all", sizeof(kept));
			break;
		}
		memcpy(kept + len, v.p - 2, v.len + 2);
		len += v.len + 2;
	}
	if (len > 0)
		checkpw_print_hex("account", span_of(kept, len));
	if (radius_find(p, RADIUS_ACCT_INTERIM_INTERVAL, &v) && v.len == 4 && get_be32(v.p) != 0 && get_be32(v.p) <= 999999999)
		(void)printf("interim=%u\n", get_be32(v.p));
}

static enum checkpw_status
tell(const struct radius *p, const struct opts *o, struct fault *f)
{
	struct span state;

	switch (p->b[0]) {
	case RADIUS_ACCEPT:
		tell_group(p);
		tell_address(p);
		tell_text(p, RADIUS_REPLY_MESSAGE, "message");
		tell_account(p);
		return (CHECKPW_YES);
	case RADIUS_REJECT:
		tell_text(p, RADIUS_REPLY_MESSAGE, "message");
		return (CHECKPW_NO);
	case RADIUS_CHALLENGE:
		tell_text(p, RADIUS_REPLY_MESSAGE, "message");
		(void)printf("ask=%s\n", ask_words[o->ask]);
		if (radius_find(p, RADIUS_STATE, &state))
			checkpw_print_hex("state", state);
		return (CHECKPW_CHALLENGE);
	default:
		(void)fault(f, FAULT_PROTOCOL, "the server answers with code %u", p->b[0]);
		return (checkpw_fault(f));
	}
}

static enum checkpw_status
ask(const struct opts *o, const struct servers *s, struct fault *f)
{
	static struct radius reply;
	struct checkpw c;
	struct asking asking = { .o = o, .c = &c };
	enum checkpw_status status;

	if (checkpw_read(&c, CHECKPW_FD, f) != 0)
		return (checkpw_fault(f));
	status = servers_ask(s, make_request, &asking, &reply, f) == 0 ? tell(&reply, o, f) : checkpw_fault(f);
	checkpw_wipe(&c);
	return (status);
}

int
main(int argc, char *argv[])
{
	struct opts o = { .timeout_ms = 3000, .tries = 2, .nas = "sapipe" };
	static struct servers s;
	struct fault f = {0};
	enum checkpw_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	s.timeout_ms = o.timeout_ms;
	s.tries = o.tries;
	s.need_mac = o.need_mac;
	if (servers_open(&s, &o.servers, &o.secrets, o.accounting ? RADIUS_ACCOUNT_PORT : RADIUS_PORT, &f) != 0)
		status = checkpw_fault(&f);
	else
		status = o.accounting ? accounting(&s, o.nas, &f) : ask(&o, &s, &f);
	servers_wipe(&s);
	return ((int)status);
}
