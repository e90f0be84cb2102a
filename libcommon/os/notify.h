/*
 * Tells the program that started this one how it is: a line on a descriptor (--ready-fd), and the datagrams of
 * sd_notify(3) to $NOTIFY_SOCKET, without systemd's library.
 */
#ifndef SAPIPE_OS_NOTIFY_H
#define SAPIPE_OS_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct notify {
	int	 ready_fd;		/* -1: none, or used up */
	int	 sock;			/* connected to $NOTIFY_SOCKET; -1: there is none */
	uint32_t watchdog_ms;		/* WATCHDOG=1 is due this often; 0: never */
	bool	 ready;
};

#define NOTIFY_NONE	{ .ready_fd = -1, .sock = -1 }
#define READY_FD_MIN	3u		/* the others are for records and messages */

/*
 * Opens what is there, before privileges are dropped and the sandbox is entered; removes the variables from the environment, so
 * that commands do not inherit them. ${ready_fd} is the descriptor, 0: none. 0, or -1 with FAULT_USAGE (it is not open for
 * writing) or FAULT_CONFIG ($NOTIFY_SOCKET is no name of a socket). A socket that nobody listens on is no error.
 */
int notify_open(struct notify *n, uint32_t ready_fd, struct fault *f);
void notify_close(struct notify *n);

/* READY=1, the first time only; ${status} is for people. Closes the descriptor of --ready-fd. */
void notify_ready(struct notify *n, const char *status);
/* What the process does now, for people: bytes that are not printable ASCII become '?'. */
void notify_status(struct notify *n, const char *status);
void notify_stopping(struct notify *n);
/* RELOADING=1; notify_reloaded() ends it. */
void notify_reloading(struct notify *n);
void notify_reloaded(struct notify *n, const char *status);
/* WATCHDOG=1: the event loop runs. */
void notify_alive(struct notify *n);

#endif
