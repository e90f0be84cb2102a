/*
 * Steps that need an answer from outside the machine: a prompt, a smartcard, a RADIUS server. The
 * step ends with IKE_LATER; the machine keeps its state and emits IKE_ASKS (ike/outbox.h). When
 * the answer arrives, the same step runs again.
 */
#ifndef SAPIPE_IKE_ANSWER_H
#define SAPIPE_IKE_ANSWER_H

#include <stdio.h>

#include "base/addr.h"
#include "base/fault.h"
#include "base/span.h"
#include "sa/record.h"

#define IKE_LATER	1	/* beside 0 and -1 */

#define IKE_LOGIN_DATA	512	/* bytes of a helper's state between two rounds */
#define IKE_CHAP_LEN	16	/* bytes of a challenge of CHAP, and of its MD5 */

/* A question for which a text is not enough. All of it is valid until the engine is called again. */
struct ike_question {
	enum ike_question_kind {
		IKE_QUESTION_LOGIN,	/* as gateway of XAuth: may the user log in? The answer: struct ike_login */
		IKE_QUESTION_VALUE,	/* as user of XAuth: what the gateway asks for. The answer: its bytes */
	} kind;
	struct endpoint	remote;		/* where the other end is */
	/* LOGIN, as the user sent it: */
	struct span	user, password;	/* ${password}: of a later round, the answer to its challenge */
	unsigned	round;		/* from 1 */
	struct span	state;		/* of the answer before: see struct ike_login */
	struct span	challenge, chap;	/* with CHAP: our challenge; the identifier and the MD5. Else empty */
	/* VALUE: */
	const char	*name;		/* of the value: "passcode" */
	const char	*type;		/* of XAuth: "generic", "otp" */
	const char	*message;	/* of the gateway, printable; "": none */
	const char	*text;		/* its challenge, likewise */
	bool		shown;		/* the value is no secret */
};

/* The value that a challenge asks the user for. */
enum ike_login_ask { IKE_ASK_ANSWER, IKE_ASK_PASSCODE, IKE_ASK_PASSWORD, IKE_ASK_NEXT_PIN };

/* How a login was judged. Texts are printable. */
struct ike_login {
	enum ike_login_verdict { IKE_LOGIN_NO, IKE_LOGIN_YES, IKE_LOGIN_CHALLENGE } verdict;
	char		message[SA_TEXT];	/* for the user: with a challenge what it is, else a comment; "": none */
	enum ike_login_ask ask;
	size_t		state_len;		/* of a challenge: comes back with the next question of this login */
	uint8_t		state[IKE_LOGIN_DATA];
	char		group[SA_NAME];		/* of the user; "": none */
	struct addr	address;		/* for the user's machine; family 0: none */
};

struct ike_answer {
	bool		no;	/* refused, or it could not be asked */
	struct span	data;	/* the answer, may be empty; valid during the call */
	const struct ike_login *login;	/* to a question of kind LOGIN; NULL: no */
};

/* Returns IKE_LATER and stores ${question} in ${f}->what. */
static inline int
ike_later(struct fault *f, const char *question)
{
	*f = (struct fault){0};
	(void)snprintf(f->what, sizeof(f->what), "%s", question);
	return (IKE_LATER);
}

#endif
