/*
 * A process that looks a name up again while the tool runs: the tool itself cannot open the resolver's files
 * once it is in its sandbox.
 */
#ifndef SAPIPE_TOOL_RESOLVER_H
#define SAPIPE_TOOL_RESOLVER_H

#include "cli/peer_addr.h"

struct resolver_answer {
	size_t		n;		/* 0: no address was found */
	struct endpoint	addrs[PEER_ADDRS];
};

/*
 * Starts the process for ${text}, family and port as peer_resolve_all() has them. Call it before ports are opened
 * and secrets are read: it keeps standard error alone. It ends with the tool. A descriptor for the two calls below
 * and for close(); -1 with FAULT_SYSTEM.
 */
int resolver_start(const char *text, uint8_t family, uint16_t port, const char *user, struct fault *f);
/* Asks for the addresses; the descriptor becomes readable when they are there. */
void resolver_ask(int fd);
/* 1: ${a} is the answer; 0: there is none yet; -1: the process is gone. */
int resolver_answer(int fd, struct resolver_answer *a);

#endif
