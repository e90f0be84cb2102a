/*
 * The control socket of a tool with a device: a Unix stream that carries SA records both ways. An event "report" is answered
 * with a record for each SA, if there are any, and a tun-stat record at the end; "reset" likewise, and then the counters
 * begin at zero; "next-hops" with a next-hop record for each binding, and a tun-stat record. Records of child SAs and deletes
 * take effect as those of any other stream do, each connection being a source of its own; what is refused is answered with an
 * event "refused". Lifetimes and replay windows are not reset.
 */
#ifndef SAPIPE_OS_CONTROL_H
#define SAPIPE_OS_CONTROL_H

#include <ev.h>

#include "os/clock.h"
#include "sa/record.h"

struct control;

#define CONTROL_CLIENTS	8
#define CONTROL_SOURCE	0x10000u	/* the first source of a connection; those of files are below */

enum control_answer { ANSWER_NONE, ANSWER_REPORT, ANSWER_RESET, ANSWER_HOPS };

/* Whose socket it is. */
struct control_host {
	struct ev_loop	*loop;
	const struct clock *clock;
	const char	*tool;		/* source of events */
	void		*ctx;
	/*
	 * Writes the next record of the answer ${what} to ${out}. ${*serial} is 0 before the first one, and the host's between them. False:
	 * it is the last one, a tun-stat.
	 */
	bool		(*next)(void *ctx, enum control_answer what, uint64_t *serial, struct sa_rec *out);
	/* A child SA or a delete of connection ${source}, from byte ${off} of its stream. 0, or -1. NULL: they are ignored. */
	int		(*record)(void *ctx, struct sa_rec *r, uint32_t source, uint64_t off, struct fault *f);
	/* Whether ${record} takes another one; NULL: always. */
	bool		(*has_room)(void *ctx);
	/* A connection is refused. */
	void		(*note)(void *ctx, const char *text);
};

/*
 * Listens on ${path} (os/unixsock.h) for the user of this process, as it is now, and root. NULL with a fault of
 * unixsock_listen() or FAULT_MEMORY. What ${host} refers to outlives it.
 */
struct control *control_open(const struct control_host *host, const char *path, struct fault *f);
/* There is room for records again: goes on with what waits. NULL is fine. */
void control_resume(struct control *ctl);
/* A record of ${source} was refused after it had waited: tells the connection that sent it, if it is one and is idle. */
void control_refused(struct control *ctl, uint32_t source, const struct fault *f);
/* Closes all connections and removes the name; NULL is fine. */
void control_close(struct control *ctl);

#endif
