/* Reports of accounting: what the command reads. */
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "crypto/crypto.h"
#include "tool/account_priv.h"

enum { LASTING, PASSING };	/* kinds of commands: an interim report is not made again */

const char *const account_cause_words[ACCOUNT_CAUSES] = {
	[ACCOUNT_USER_REQUEST] = "user-request", [ACCOUNT_LOST_CARRIER] = "lost-carrier",
	[ACCOUNT_LOST_SERVICE] = "lost-service", [ACCOUNT_SESSION_TIMEOUT] = "session-timeout",
	[ACCOUNT_ADMIN_RESET] = "admin-reset", [ACCOUNT_ADMIN_REBOOT] = "admin-reboot", [ACCOUNT_NAS_ERROR] = "nas-error",
};

static void
put(struct command_in *in, const char *key, const char *value)
{
	if (value[0] != '\0')
		command_in_text(in, key, value, '\0');
}

static void
put_address(struct command_in *in, const char *key, const struct addr *a)
{
	char text[ADDR_TEXT];

	if (a->family != 0)
		put(in, key, addr_text(text, a));
}

static void
put_count(struct command_in *in, const struct account_session *s)
{
	struct account_count c = s->count;
	const struct account_link *l;

	for (l = s->links; l != NULL; l = l->next) {
		c.known = c.known || l->count.known;
		c.bytes_in += l->count.bytes_in;
		c.bytes_out += l->count.bytes_out;
		c.packets_in += l->count.packets_in;
		c.packets_out += l->count.packets_out;
	}
	if (!c.known)
		return;
	command_in_number(in, "bytes-in=", c.bytes_in);
	command_in_number(in, "bytes-out=", c.bytes_out);
	command_in_number(in, "packets-in=", c.packets_in);
	command_in_number(in, "packets-out=", c.packets_out);
}

static void
put_session(struct command_in *in, struct now now, enum account_event what, const struct account_session *s)
{
	char id[ID_TEXT];

	put(in, "session=", s->id);
	put(in, "user=", s->user);
	put(in, "group=", s->group);
	put(in, "name=", s->name);
	if (s->remote.id.type != 0)
		put(in, "id=", id_text(id, &s->remote.id));
	put_address(in, "remote=", &s->remote.at.addr);
	put_address(in, "local=", &s->local.at.addr);
	put_address(in, "address=", &s->address);
	put_address(in, "address6=", &s->address6);
	command_in_hex(in, "account=", span_of(s->account, s->account_len));
	if (what == ACCOUNT_START)
		return;
	command_in_number(in, "seconds=", (now.ms - s->began_ms) / 1000);
	put_count(in, s);
	if (what == ACCOUNT_STOP)
		put(in, "cause=", account_cause_words[s->cause]);
}

void
account_report(struct account *a, struct now now, enum account_event what, struct account_session *s)
{
	static const char *const words[] = {
		[ACCOUNT_ON] = "on", [ACCOUNT_OFF] = "off", [ACCOUNT_START] = "start", [ACCOUNT_INTERIM] = "interim",
		[ACCOUNT_STOP] = "stop",
	};
	static const char lost;
	struct command_tag tag = {0};
	struct command_in in = {0};
	struct fault f = {0};

	command_in_text(&in, "event=", words[what], '\0');
	command_in_number(&in, "time=", now.epoch);
	if (s != NULL) {
		_Static_assert(sizeof(s->number.key) <= sizeof(tag), "a tag has room for a key");
		memcpy(&tag, &s->number.key, sizeof(s->number.key));
		put_session(&in, now, what, s);
	}
	if (commands_run(a->commands, what == ACCOUNT_START || what == ACCOUNT_STOP ? LASTING : PASSING, &tag, in.b, in.len,
	    &f) == 0) {
		if (s != NULL)
			s->unreported++;
	} else if (report_allow(&lost))
		report_note(&f);
	wipe(&in, sizeof(in));
}

struct account *
account_open(const char *cmd, uint32_t interim_s, struct fault *f)
{
	const struct command_kind lasting = { .cmd = cmd, .fd = ACCOUNT_FD, .outlives = true, .limit_s = ACCOUNT_RUN_S,
	    .wait_max = ACCOUNT_WAIT_MAX, .again_s = ACCOUNT_AGAIN_S, .keep_s = ACCOUNT_KEEP_S };
	struct command_kind kinds[] = { [LASTING] = lasting, [PASSING] = lasting };
	struct account *a = calloc(1, sizeof(*a));

	kinds[PASSING].again_s = 0;
	if (a == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for accounting");
		return (NULL);
	}
	a->interim_s = interim_s;
	if (rand_system.fill(rand_system.state, (uint8_t *)&a->salt, sizeof(a->salt)) != 0)
		(void)fault(f, FAULT_CRYPTO, "no random bytes");
	else
		a->commands = commands_open(kinds, sizeof(kinds) / sizeof(kinds[0]), f);
	if (a->commands == NULL) {
		free(a);
		return (NULL);
	}
	return (a);
}
