/* The two ends of XAuth, and what they keep for one IKE SA. */
#ifndef SAPIPE_IKE_V1_XAUTH_PRIV_H
#define SAPIPE_IKE_V1_XAUTH_PRIV_H

#include "ike/v1/xauth.h"

/* What a gateway may ask for: rows of v1_xauth_values[]. */
enum v1_xauth_value {
	V1_XAUTH_USER, V1_XAUTH_PASSWORD, V1_XAUTH_PASSCODE, V1_XAUTH_NEXT_PIN, V1_XAUTH_ANSWER, V1_XAUTH_DOMAIN,
	V1_XAUTH_VALUES
};

struct v1_xauth_value_row {
	uint16_t	 attr;		/* enum config_attr */
	const char	*word;		/* for the tool: "passcode" */
	const char	*name;		/* for people: "XAUTH_PASSCODE" */
};
extern const struct v1_xauth_value_row v1_xauth_values[V1_XAUTH_VALUES];

struct v1_xauth {
	unsigned	rounds;		/* questions so far */
	bool		check_point;	/* the peer uses Check Point's numbers */
	/* State of the user's end during a round. The values are wiped at its end. */
	bool		sent_password;	/* the configured one, in an earlier round */
	bool		waits;		/* the tool is asked for the value ${wanted} */
	enum v1_xauth_value wanted;
	uint8_t		type;		/* enum config_xauth_type */
	char		message[SA_TEXT], text[SA_TEXT];	/* with the question: MESSAGE and CHALLENGE, printable */
	struct secret	value[V1_XAUTH_VALUES];
	struct fault	cannot;		/* code FAULT_NONE: all was answered */
	/* As gateway: the login to be judged. */
	struct secret	user, password, chap;
	uint8_t		challenge[IKE_CHAP_LEN];	/* of CHAP, in the first round */
	enum v1_xauth_value asks;	/* in a later round: for this, with ${message} */
	struct secret	state;
	bool		status_set;	/* our SET with the status was sent, */
	bool		told;		/* and acknowledged */
};

/* ${sa}->login.xauth, which is made if there is none. NULL: no memory, ${f} says so. */
struct v1_xauth *v1_xauth_of(struct v1_sa *sa, struct fault *f);
int v1_xauth_no_memory(struct fault *f);
/* Adds an attribute under the number that the peer uses for ${attr}. One that Check Point has no number for is left out. */
void v1_xauth_put(const struct v1_xauth *t, struct wr *w, uint16_t attr, struct span value);
void v1_xauth_put_number(const struct v1_xauth *t, struct wr *w, uint16_t attr, uint16_t value);
/* The first attribute of ${in} that is ${attr}, by the numbers that the peer uses. */
bool v1_xauth_find(const struct v1_xauth *t, const struct config *in, uint16_t attr, struct isakmp_attr *a);
/* MD5(id | password | challenge), the answer of CHAP (RFC 1994 section 4.1), behind ${id}. 0 or -1. */
int v1_xauth_chap(uint8_t out[1 + IKE_CHAP_LEN], uint8_t id, struct span password, struct span challenge, struct fault *f);

/* The user's answer to a question of the gateway, as struct v1_transactor; and what the tool is asked for meanwhile. */
int v1_xauth_user_answer(struct v1_exchange *x, const struct config *in, struct wr *w, struct ike_outbox *out,
    struct fault *f);
void v1_xauth_user_question(const struct v1_sa *sa, struct ike_question *q);

#endif
