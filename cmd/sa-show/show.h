/* sa-show: SA state for people, scripts and other programs. */
#ifndef SAPIPE_SA_SHOW_H
#define SAPIPE_SA_SHOW_H

#include "cli/opt.h"
#include "sa/record.h"

enum show_format { SHOW_TEXT, SHOW_JSON, SHOW_DIAG, SHOW_WIRESHARK, SHOW_TCPDUMP, SHOW_XFRM };

struct show_opts {
	uint8_t		format;		/* enum show_format */
	bool		json;
	bool		reveal;		/* keys too */
	const char	*clock;
	struct opt_args	sa;
};
#define SHOW_OPTS_DEFAULT	{ .format = SHOW_TEXT }

extern const struct opt show_optab[];

/* All print on standard output. */

/* A record for people; ${now}: epoch seconds, for the time that is left. */
void text_record(const struct sa_rec *r, uint64_t now, bool reveal);
/* One that this version does not know, from its bytes. */
void text_unknown(struct span raw);

/* The bytes of a whole item (item_check()) as JSON in one line, or in diagnostic notation. */
void json_record(struct span raw, bool reveal);
void diag_record(struct span raw, bool reveal);

/* Lines for another program, keys included. Reports SAs that it cannot represent on stderr. */
void wireshark_record(const struct sa_rec *r);
/* Once, after the last. */
void wireshark_end(void);
void tcpdump_record(const struct sa_rec *r);
/*
 * ${around}: the AH of ${s}'s bundle, or NULL. ${reqid} ties states and policies of one SA together; ${now}: epoch seconds,
 * to warn of an expired SA.
 */
void xfrm_record(const struct sa_child *s, const struct sa_child *around, unsigned reqid, uint64_t now);

#endif
