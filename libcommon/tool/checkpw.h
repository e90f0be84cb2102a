/*
 * The other end of --xauth-exec (login.h): what a command that judges a login reads from descriptor 3, and how it answers.
 */
#ifndef SAPIPE_TOOL_CHECKPW_H
#define SAPIPE_TOOL_CHECKPW_H

#include "base/secret.h"
#include "ike/answer.h"

#define CHECKPW_FD	3
#define CHECKPW_MAX	4096	/* bytes on it */

enum checkpw_status {
	CHECKPW_YES = 0, CHECKPW_NO = 1, CHECKPW_MISUSED = 2, CHECKPW_CHALLENGE = 10,
	CHECKPW_LATER = 111,	/* it could not find out */
};

struct checkpw {
	char		user[SA_TEXT];
	char		remote[ADDR_TEXT];	/* the address of the client; "": not known */
	struct secret	password;		/* no NUL in it; empty with CHAP */
	unsigned	round;			/* from 1 */
	size_t		state_len;
	uint8_t		state[IKE_LOGIN_DATA];
	bool		has_chap;
	uint8_t		challenge[IKE_CHAP_LEN], chap[1 + IKE_CHAP_LEN];	/* the identifier is the first byte of ${chap} */
};

/* Reads from ${fd}. 0, or -1 with FAULT_USAGE (it is not open), FAULT_MALFORMED, FAULT_TOO_LARGE or FAULT_MEMORY. */
int checkpw_read(struct checkpw *c, int fd, struct fault *f);
/* Parses what was read. 0 or -1 as above. */
int checkpw_parse(struct checkpw *c, struct span text, struct fault *f);
void checkpw_wipe(struct checkpw *c);

/* MD5(${id} | ${password} | ${challenge}), the answer of CHAP (RFC 1994 section 4.1). 0, or -1 with FAULT_CRYPTO. */
int checkpw_chap(uint8_t out[IKE_CHAP_LEN], uint8_t id, struct span password, struct span challenge, struct fault *f);

/* Prints the line ${key}=${value} for the gateway; of the ${len} bytes control characters are replaced. */
void checkpw_print(const char *key, const char *value, size_t len);
void checkpw_print_hex(const char *key, struct span value);
/* Whether ${value} can be the name of a group there. */
bool checkpw_is_group(const char *value);
/* The status for a fault: what is no fault of the caller may be tried again. */
enum checkpw_status checkpw_fault(const struct fault *f);

#endif
