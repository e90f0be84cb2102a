/* Questions of XAuth, answered by commands. */
#include "tool/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "ike/sa.h"
#include "tool/command_in.h"

#define GIVEN_FD	3	/* of checkpassword's interface */
#define WRONGS		1024	/* wrong passwords remembered */

enum { JUDGE, ASK };		/* kinds of commands */

/* Which question a command answers. */
struct about {
	uint8_t		id[16];
	uint32_t	mid;
	uint32_t	zero;
};

/* A login that is judged, or a wrong password a while ago. */
struct wrong {
	struct about	of;
	struct addr	from;
	char		user[SA_TEXT];
	bool		judged;
	uint64_t	ms;	/* of the question, then of the answer; 0: none */
};

struct login {
	struct commands	*commands;
	bool		 judges, asks, prompts;
	struct wrong	 wrong[WRONGS];
	size_t		 at;
};

struct login *
login_open(const struct login_by *by, struct fault *f)
{
	const struct command_kind kinds[] = {
		[JUDGE] = { .cmd = by->judge, .fd = GIVEN_FD, .limit_s = LOGIN_RUN_S, .late_s = LOGIN_WRONG_DELAY_S,
		    .in_time = LOGIN_CHALLENGE },
		[ASK] = { .cmd = by->ask, .terminal = true, .limit_s = LOGIN_ASK_S },
	};
	struct login *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for logins");
		return (NULL);
	}
	l->judges = by->judge != NULL;
	l->asks = by->ask != NULL || by->prompt;
	l->prompts = by->prompt;
	if ((l->commands = commands_open(kinds, sizeof(kinds) / sizeof(kinds[0]), f)) == NULL) {
		free(l);
		return (NULL);
	}
	return (l);
}

void
login_close(struct login *l)
{
	if (l == NULL)
		return;
	commands_close(l->commands);
	free(l);
}

int
login_fd(const struct login *l)
{
	return (commands_fd(l->commands));
}

/* --- limits --- */

/* Rejects a login after too many wrong passwords. Those that are judged count: they may all be wrong. */
static int
check_wrongs(const struct login *l, uint64_t now_ms, const struct addr *from, const char *user, struct fault *f)
{
	unsigned of_user = 0, of_addr = 0, judged = 0;
	const struct wrong *w;
	char text[ADDR_TEXT];

	for (w = l->wrong; w < l->wrong + WRONGS; w++) {
		if (w->ms == 0 || now_ms - w->ms > LOGIN_WRONG_S * 1000)
			continue;
		of_user += strcmp(w->user, user) == 0;
		of_addr += addr_cmp(&w->from, from) == 0 && w->judged;
		judged += addr_cmp(&w->from, from) == 0 && !w->judged;
	}
	if (of_addr >= LOGIN_WRONG_MAX)
		return (fault(f, FAULT_AUTH_FAILED, "%u wrong passwords came from %s within %d s: the next is not looked at",
		    of_addr, addr_text(text, from), LOGIN_WRONG_S));
	if (judged >= LOGIN_ADDRESS_MAX)
		return (fault(f, FAULT_AUTH_FAILED, "%u logins from %s are being judged: the next is not looked at",
		    judged, addr_text(text, from)));
	if (of_user >= LOGIN_WRONG_MAX)
		return (fault(f, FAULT_AUTH_FAILED, "%u wrong passwords came for user %s within %d s: the next is not looked at",
		    of_user, user, LOGIN_WRONG_S));
	return (0);
}

static void
note_end(struct login *l, uint64_t now_ms, const struct about *of, bool wrong)
{
	struct wrong *w;

	for (w = l->wrong; w < l->wrong + WRONGS; w++)
		if (w->ms != 0 && !w->judged && memcmp(&w->of, of, sizeof(*of)) == 0) {
			if (wrong) {
				w->judged = true;
				w->ms = now_ms > 0 ? now_ms : 1;
			} else
				*w = (struct wrong){0};
		}
}

/* --- what a command reads --- */

static void
put_login(struct command_in *t, const struct ike_question *q)
{
	char text[ADDR_TEXT];

	command_in_add(t, q->user);
	command_in_text(t, "", "", '\0');
	command_in_add(t, q->password);
	command_in_text(t, "", "", '\0');
	command_in_number(t, "", (uint64_t)time(NULL));
	command_in_text(t, "remote=", addr_text(text, &q->remote.addr), '\0');
	command_in_number(t, "round=", q->round);
	command_in_hex(t, "state=", q->state);
	command_in_hex(t, "challenge=", q->challenge);
	command_in_hex(t, "chap=", q->chap);
}

/* A text of the gateway as one line. */
static void
add_line(struct command_in *t, const char *key, const char *value)
{
	char line[SA_TEXT], *p;

	if (value[0] == '\0')
		return;
	(void)snprintf(line, sizeof(line), "%s", value);
	for (p = line; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
	command_in_text(t, key, line, '\n');
}

static void
put_value(struct command_in *t, const struct ike_question *q)
{
	char text[ADDR_TEXT];

	add_line(t, "ask=", q->name);
	add_line(t, "type=", q->type);
	add_line(t, "gateway=", addr_text(text, &q->remote.addr));
	add_line(t, "message=", q->message);
	add_line(t, "challenge=", q->text);
}

static void
put_prompt(struct command_in *t, const struct ike_question *q)
{
	char line[SA_TEXT + 64];

	(void)snprintf(line, sizeof(line), "%c%s%sXAuth %s", q->shown ? COMMAND_SHOWN : COMMAND_HIDDEN, q->text, q->text[0] != '\0' ? ": " : "", q->name);
	command_in_add(t, span_str(line));
}

/* --- */

int
login_ask(struct login *l, uint64_t now_ms, const uint8_t id[16], uint32_t mid, const struct ike_question *q,
    struct fault *f)
{
	struct about of = { .mid = mid };
	struct wrong *w = &l->wrong[l->at];
	struct command_tag tag;
	struct command_in t = {0};
	char user[SA_TEXT];
	int rc;

	if (q->kind == IKE_QUESTION_LOGIN ? !l->judges : !l->asks)
		return (fault(f, FAULT_CONFIG, "there is no command for this question of XAuth"));
	(void)snprintf(user, sizeof(user), "%.*s", (int)q->user.len, q->user.len > 0 ? (const char *)q->user.p : "");
	if (q->kind == IKE_QUESTION_LOGIN && check_wrongs(l, now_ms, &q->remote.addr, user, f) != 0)
		return (-1);
	memcpy(of.id, id, sizeof(of.id));
	_Static_assert(sizeof(of) == sizeof(tag), "a tag has room for the question");
	memcpy(&tag, &of, sizeof(tag));
	if (q->kind == IKE_QUESTION_LOGIN)
		put_login(&t, q);
	else if (l->prompts)
		put_prompt(&t, q);
	else
		put_value(&t, q);
	rc = t.full ? fault(f, FAULT_TOO_LARGE, "the question is too long for a command") :
	    commands_run(l->commands, q->kind == IKE_QUESTION_LOGIN ? JUDGE : ASK, &tag, t.b, t.len, f);
	wipe(&t, sizeof(t));
	if (rc != 0 || q->kind != IKE_QUESTION_LOGIN)
		return (rc);
	*w = (struct wrong){ .of = of, .from = q->remote.addr, .ms = now_ms > 0 ? now_ms : 1 };
	memcpy(w->user, user, sizeof(user));
	l->at = (l->at + 1) % WRONGS;
	return (0);
}

/*
 * Whether the password was wrong, by the status of the command. One that was misused (2), failed for now (111), could not
 * be run or was ended says nothing about it.
 */
static bool
is_wrong(uint8_t status)
{
	return (status != 0 && status != 2 && status != LOGIN_CHALLENGE && status != 111 && status < COMMAND_NOT_RUN);
}

/* The value is the first line. */
static void
take_value(struct login_answer *a, const char *out)
{
	size_t len = strcspn(out, "\r\n");

	a->no = a->status != 0 || len >= sizeof(a->value);
	if (!a->no)
		memcpy(a->value, out, len);
}

int
login_answer(struct login *l, uint64_t now_ms, struct login_answer *a)
{
	struct command_end end;
	struct about of;
	int rc = commands_next(l->commands, &end);

	if (rc <= 0)
		return (rc);
	memcpy(&of, &end.tag, sizeof(of));
	*a = (struct login_answer){ .mid = of.mid, .status = end.status,
	    .kind = end.kind == JUDGE ? IKE_QUESTION_LOGIN : IKE_QUESTION_VALUE };
	memcpy(a->id, of.id, sizeof(a->id));
	if (end.kind == JUDGE) {
		login_parse(a, end.out);
		note_end(l, now_ms, &of, is_wrong(a->status));
	} else
		take_value(a, end.out);
	wipe(&end, sizeof(end));
	return (1);
}
