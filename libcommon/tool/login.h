/*
 * The answers to the questions of XAuth (ike/answer.h), found by commands in a helper process:
 *
 * As gateway, whether a user may log in. The command has the checkpassword interface
 * (https://cr.yp.to/checkpwd/interface.html): it reads "user\0password\0timestamp\0" from descriptor 3 and ends with 0 if
 * the password is right. Behind the timestamp follow "KEY=VALUE\0": remote, round, and state, challenge and chap in
 * hex where there are such. It may print lines "KEY=VALUE": group, address, message; for
 * --xauth-account (account.h) account and interim; and to ask the user for more, message,
 * ask, state, with the status LOGIN_CHALLENGE. Wrong passwords are answered late, and few by one address or for one user
 * in a row are judged at all.
 *
 * As user, a value that the gateway asks for. The command reads lines "KEY=VALUE" on its input and prints the value;
 * without a command the user is asked on the terminal.
 */
#ifndef SAPIPE_TOOL_LOGIN_H
#define SAPIPE_TOOL_LOGIN_H

#include "ike/answer.h"

#define LOGIN_CHALLENGE		10	/* status of the command: the user is to be asked for more */
#define LOGIN_RUN_S		60	/* that a command may take; one that asks the user: */
#define LOGIN_ASK_S		120
#define LOGIN_WRONG_DELAY_S	2	/* before a wrong password is answered */
#define LOGIN_WRONG_MAX		5	/* wrong passwords of an address or a user, those that are judged included ... */
#define LOGIN_WRONG_S		60	/* ... in this time; a login beyond them is rejected unjudged */
#define LOGIN_ACCOUNT		512	/* bytes that accounting gets from the one who judged */
#define LOGIN_ADDRESS_MAX	16	/* logins of an address that are judged at the same time */

struct login;

/* What answers; each NULL or false: nothing does. */
struct login_by {
	const char	*judge;		/* as gateway */
	const char	*ask;		/* as user: the command, */
	bool		 prompt;	/* or the terminal */
};

struct login_answer {
	uint8_t		id[16];		/* of the IKE SA */
	uint32_t	mid;
	enum ike_question_kind kind;
	uint8_t		status;		/* of the command: 128 + N for signal N */
	bool		no;		/* there is no answer */
	struct ike_login login;		/* of kind LOGIN; for the accounting of its session: */
	size_t		account_len;
	uint8_t		account[LOGIN_ACCOUNT];
	uint32_t	interim_s;	/* between reports; 0: not given */
	char		value[SA_TEXT];	/* of kind VALUE; the caller wipes it */
	char		odd[80];	/* a line of the output that is not used, and why; "": none */
};

/* Forks the helper for the commands (run as sh -c). NULL with a fault. */
struct login *login_open(const struct login_by *by, struct fault *f);
void login_close(struct login *l);	/* NULL is fine */
int login_fd(const struct login *l);	/* readable when there is an answer */

/*
 * Has ${q} answered; the answer comes later. -1: it is not, and ${f} says why. ${now_ms} is of a clock that never goes
 * back.
 */
int login_ask(struct login *l, uint64_t now_ms, const uint8_t id[16], uint32_t mid, const struct ike_question *q,
    struct fault *f);
/* The next answer. 1; 0: none; -1: the helper has ended. */
int login_answer(struct login *l, uint64_t now_ms, struct login_answer *a);

/* Parses the output of a command that judges into ${a}, whose status is set. For login_answer() and tests. */
void login_parse(struct login_answer *a, const char *out);

#endif
