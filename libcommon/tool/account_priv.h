/* Sessions of accounting: what account.c keeps and account_report.c reports. */
#ifndef SAPIPE_TOOL_ACCOUNT_PRIV_H
#define SAPIPE_TOOL_ACCOUNT_PRIV_H

#include "base/heap.h"
#include "base/table.h"
#include "tool/account.h"
#include "tool/command_in.h"

enum account_event { ACCOUNT_ON, ACCOUNT_OFF, ACCOUNT_START, ACCOUNT_INTERIM, ACCOUNT_STOP };

struct account_count { bool known; uint64_t bytes_in, bytes_out, packets_in, packets_out; };

/* What a session has: an IKE SA, a child SA, or the number that its commands are tagged with. */
struct account_key { uint8_t kind, b[16]; };
struct account_link {
	struct table_node	 node;
	struct account_key	 key;
	struct account_session	*of;
	struct account_link	*next;		/* of the session */
	struct account_count	 count;		/* of a child SA */
	bool			 ended;		/* its last counters may come yet */
};

struct account_session {
	struct account_session	*next, **at;	/* all of them */
	struct timer		 timer;
	enum { ACCOUNT_EXPECTED, ACCOUNT_STARTING, ACCOUNT_STARTED, ACCOUNT_ENDED } state;
	struct account_link	*links, number;	/* ${number} is not among the links */
	char			 id[17];
	char			 user[SA_TEXT], group[SA_NAME], name[SA_NAME];
	struct sa_end		 local, remote;
	struct addr		 address, address6;
	uint8_t			 ike[16];	/* its newest IKE SA */
	uint64_t		 began_ms;
	size_t			 n_live;	/* links that have not ended */
	struct now		 ended;		/* when there was none any more */
	unsigned		 unreported;	/* reports whose commands have not ended for good */
	enum account_cause	 cause;
	struct account_count	 count;		/* of child SAs that have ended */
	uint32_t		 interim_s;	/* 0: none */
	size_t			 account_len;
	uint8_t			 account[LOGIN_ACCOUNT];
};

struct account {
	struct commands		*commands;
	uint32_t		 interim_s;
	uint64_t		 salt, numbers;
	struct heap		 timers;
	struct table		 links;
	struct account_session	*sessions;
	size_t			 n, n_starting, n_started;	/* ${n}: in any state */
};

/* Has the command run for ${s}; NULL: for the gateway. */
void account_report(struct account *a, struct now now, enum account_event what, struct account_session *s);

#endif
