/* The state of an engine as lines of text, for a user who asks a running negotiator. */
#ifndef SAPIPE_IKE_STATUS_H
#define SAPIPE_IKE_STATUS_H

#include "ike/ike.h"

#define IKE_STATUS_TEXT	640	/* bytes of a line, its NUL included */

/*
 * Hands to ${line} one line for the whole engine, then one for each IKE SA, child SA and connection that is
 * being restored: peer, state, and the seconds until its next event. The engine does not change.
 */
void ike_engine_status(const struct ike_engine *e, struct now now,
    void (*line)(void *ctx, const char *text), void *ctx);

/* An SA for a program that asks. Texts and ${remote} are valid during the call. Times are epoch seconds, 0: never, not known. */
struct ike_status {
	bool			 child;		/* else an IKE SA */
	const char		*name;		/* of its policy: the section; NULL: none */
	const struct endpoint	*remote;
	const uint8_t		*spi_in;	/* 4 bytes of a child SA; NULL */
	const char		*state;		/* in words; of a child SA "established" or "replaced" */
	uint64_t		 since;		/* of a child SA: traffic passes without a gap from then on */
	uint64_t		 established, rekey, expires;
	uint64_t		 heard;		/* when the peer sent the last authentic message, or traffic */
};

/* Hands to ${put} each IKE SA, then each child SA. ${put} may not change the engine. */
void ike_engine_each(struct ike_engine *e, struct now now, void (*put)(void *ctx, const struct ike_status *s), void *ctx);

#endif
