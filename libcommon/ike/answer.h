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

#define IKE_LATER	1	/* beside 0 and -1 */

/*
 * A question for which a text is not enough: whether the user of XAuth may log in. The answer is one byte: 1 yes, 0 no.
 * All of it is valid until the engine is called again.
 */
struct ike_question {
	struct span	user, password;	/* of the user, as it sent them */
	struct endpoint	remote;		/* where it is */
};

struct ike_answer {
	bool		no;	/* refused, or it could not be asked */
	struct span	data;	/* the answer, may be empty; valid during the call */
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
