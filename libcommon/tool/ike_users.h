/*
 * What a gateway does for its users: XAuth's questions go to the login helper, sessions to accounting, leases to the disk.
 * A part of struct ike_tool.
 */
#ifndef SAPIPE_TOOL_IKE_USERS_H
#define SAPIPE_TOOL_IKE_USERS_H

#include <ev.h>

#include "tool/account.h"
#include "tool/lease_store.h"
#include "tool/login.h"
#include "host/ike_host.h"

struct ike_users {
	struct login		*login;		/* answers questions of XAuth; set before opening, or NULL */
	struct account		*account;	/* of the users that log in; likewise */
	struct lease_store	*leases;	/* see ike_users_keep_leases(); NULL: none */
	struct ev_loop		*loop;
	struct ike_host		*host;
	struct ev_io		 on_login, on_account;
	struct ev_timer		 on_account_due;
};

/* Watches the helpers that ${u} has, on ${loop}; ${host} is open. Both outlive it. */
void ike_users_watch(struct ike_users *u, struct ev_loop *loop, struct ike_host *host);
/*
 * Keeps the leases of ${conf}'s pools, if there are any, in the directory ${dir}; call it after ike_users_watch(). NULL: in
 * the default one (os/state_dir.h); where that cannot be, a warning says so, and they end with the process. 0, or -1 with
 * the fault of lease_store_open().
 */
int ike_users_keep_leases(struct ike_users *u, const char *dir, const struct ike_conf *conf, struct fault *f);
/* The engine has the question ${mid} of the IKE SA ${id}. If nobody can answer it, the answer is no. */
void ike_users_ask(struct ike_users *u, const uint8_t id[16], uint32_t mid);
/* The engine has done all that there was to do: stores leases, and reports sessions that are due. */
void ike_users_settle(struct ike_users *u);

#endif
