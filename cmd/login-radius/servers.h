/* The servers that requests go to, each with its secret. */
#ifndef SAPIPE_LOGIN_RADIUS_SERVERS_H
#define SAPIPE_LOGIN_RADIUS_SERVERS_H

#include "base/addr.h"
#include "base/secret.h"
#include "cli/opt.h"
#include "radius.h"

#define SERVERS_MAX	8

struct servers {
	size_t		n;
	struct endpoint	at[SERVERS_MAX];	/* family 0: its name is not known now */
	struct secret	secret[SERVERS_MAX];
	uint32_t	timeout_ms, tries;	/* of each */
	bool		need_mac;		/* replies need a Message-Authenticator */
};

/* Makes the request for a server with ${secret}. 0 or -1. */
typedef int servers_make_fn(void *ctx, struct radius *request, struct span secret, struct fault *f);

/*
 * Looks up ${hosts}, with ${port} where they name none, and reads ${secrets}: one for all, or one for each. 0, or -1 with a
 * fault; call servers_wipe() in either case.
 */
int servers_open(struct servers *s, const struct opt_list *hosts, const struct opt_list *secrets, uint16_t port, struct fault *f);
/* Asks one after the other until one answers. 0, or -1: none does (FAULT_NO_REPLY), or the request cannot be made. */
int servers_ask(const struct servers *s, servers_make_fn *make, void *ctx, struct radius *reply, struct fault *f);
void servers_wipe(struct servers *s);

#endif
