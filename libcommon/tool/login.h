/*
 * Logins of XAuth, judged by a command with the checkpassword interface (https://cr.yp.to/checkpwd/interface.html): it
 * reads "user\0password\0timestamp\0" from descriptor 3, and ends with 0 if the password is right. A helper process
 * runs one for each login, so that a slow one delays nobody else; it is forked before keys are read. Wrong passwords are
 * answered late, and few by one address or for one user in a row are judged at all.
 */
#ifndef SAPIPE_TOOL_LOGIN_H
#define SAPIPE_TOOL_LOGIN_H

#include "ike/answer.h"

#define LOGIN_RUNS_MAX		64	/* commands at the same time; a login beyond them is rejected */
#define LOGIN_RUN_S		60	/* that a command may take */
#define LOGIN_WRONG_DELAY_S	2	/* before a wrong password is answered */
#define LOGIN_WRONG_MAX		5	/* wrong passwords of an address or a user ... */
#define LOGIN_WRONG_S		60	/* ... in this time; a login beyond them is rejected unjudged */

struct login;

struct login_answer {
	uint8_t		id[16];		/* of the IKE SA */
	uint32_t	mid;
	bool		ok;
	uint8_t		status;		/* of the command: 128 + N for signal N */
};

/* Forks the helper for ${cmd} (run as sh -c). NULL with a fault. */
struct login *login_open(const char *cmd, struct fault *f);
void login_close(struct login *l);	/* NULL is fine */
int login_fd(const struct login *l);	/* readable when there is an answer */

/*
 * Has the login ${q} judged; the answer comes later. -1: it is rejected unjudged, and ${f} says why. ${now_ms} is of a
 * clock that never goes back.
 */
int login_ask(struct login *l, uint64_t now_ms, const uint8_t id[16], uint32_t mid, const struct ike_question *q,
    struct fault *f);
/* The next answer. 1; 0: none; -1: the helper has ended. */
int login_answer(struct login *l, uint64_t now_ms, struct login_answer *a);

#endif
