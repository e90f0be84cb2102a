/*
 * The configuration for negotiations with one peer (or one group of peers): filled from
 * options or a section of the peers file, read by the machines.
 */
#ifndef SAPIPE_IKE_POLICY_H
#define SAPIPE_IKE_POLICY_H

#include "base/addr.h"
#include "base/secret.h"
#include "crypto/proposal.h"
#include "crypto/trust.h"
#include "ike/settings.h"
#include "sa/lease.h"
#include "sa/record.h"
#include "wire/id.h"

#define POLICY_SELECTORS_MAX	16
#define POLICY_AUTHS_MAX	4

/* When this end sends its certificates. */
enum cert_policy { CERT_ALWAYS, CERT_ASKED, CERT_NEVER };
enum natt_policy { NATT_AUTO, NATT_FORCE, NATT_OFF };
/* Off: neither announced, sent nor received. Force: sent to peers that have not announced it, too. */
enum fragmentation { FRAGMENTATION_AUTO, FRAGMENTATION_FORCE, FRAGMENTATION_OFF };

struct ike_policy {
	char			name[SA_NAME];	/* of the section, or --name */
	enum sa_exchange	exchange;
	bool			aggressive_clear;	/* third aggressive message in clear */
	/* Authentication methods, the preferred one first: enum ike_auth. */
	size_t			n_auths;
	uint16_t		auths[POLICY_AUTHS_MAX];
	struct secret		psk;
	struct creds		creds;		/* for signatures */
	enum cert_policy	cert_policy;
	/* XAuth as user: the name ("": none), the password, and whether the tool is asked for what else is needed. */
	char			xauth_user[SA_TEXT];
	struct secret		xauth_password;
	bool			xauth_ask;
	bool			mode_config;	/* as client: ask for an address, */
	bool			mode_config_push;	/* or wait for it; as gateway: send it unasked */
	/*
	 * As gateway: the tool judges users (struct ike_question). Addresses for clients, IPv4 and IPv6, of which this is one
	 * reference, and what they get beside them, owned; NULL each: none.
	 */
	bool			xauth_check;
	bool			xauth_chap;	/* ask for the password by CHAP */
	struct addr		redirect;	/* clients are sent to this gateway (IPv4, Unity's notify); family 0: not */
	struct pool		*pool, *pool6;
	struct ike_settings	*give;
	struct id		local_id;	/* type 0: the local address */
	struct id		remote_id;	/* type 0: any (initiator: the peer's address) */
	bool			remote_id_any;
	struct addr		remote_inner;	/* initiator, without ${remote_id}: the peer's address behind its NAT, by which
						   it may call itself; family 0: not known */
	struct selector		remote_addr;	/* responder: where this peer may come from;
						   family 0: anywhere */
	struct ike_proposals	ike;
	struct esp_proposals	esp;
	enum sa_proto		proto;		/* SA_ESP, or SA_AH with --ah alone */
	struct esp_proposals	ah;		/* n > 0: a bundle, AH around ESP; their groups are those of ${esp} */
	bool			accept_all;	/* --accept-all-proposals */
	bool			pfs_fallback;	/* initiator: go on without PFS if the peer does not support it */
	bool			commit_bit;	/* sets the commit bit in quick mode; its responder sends CONNECTED */
	enum sa_mode		mode;
	size_t			n_local_ts, n_remote_ts;
	struct selector		local_ts[POLICY_SELECTORS_MAX], remote_ts[POLICY_SELECTORS_MAX];
						/* n_local_ts 0: the local address */
	uint64_t		ike_seconds, esp_seconds;	/* lifetimes */
	uint64_t		esp_kilobytes;	/* 0: no limit by volume */
	enum natt_policy	natt;
	uint16_t		natt_port;	/* the peer's, where IKE goes behind a NAT */
	uint32_t		natt_versions;	/* bit 1 << enum vid_kind; 0: all (test seam) */
	uint32_t		dpd_seconds;	/* idle time before R-U-THERE; 0: never sent */
	uint32_t		dpd_tries;	/* unanswered ones until the peer is dead */
	uint32_t		heartbeat_ms;	/* from one hello to the next; 0: no heartbeats */
	uint32_t		heartbeat_threshold;	/* missed hellos until the peer is dead */
	uint32_t		heartbeat_reconnect_ms;	/* then, until it is called again */
	uint32_t		timeout_ms;	/* of one exchange, first send to giving up */
	uint32_t		answer_ms;	/* for an answer from outside (ike/answer.h) */
	uint32_t		keepalive_ms;	/* NAT keepalive */
	enum fragmentation	fragmentation;
	uint32_t		fragment_size;	/* bytes of an IP packet; longer messages are sent in fragments */
};

#define NATT_PORT_DEFAULT	4500
#define IKE_SECONDS_DEFAULT	28800
#define ESP_SECONDS_DEFAULT	3600
#define DPD_SECONDS_DEFAULT	30
#define DPD_TRIES_DEFAULT	4
#define HEARTBEAT_THRESHOLD_DEFAULT	5
#define HEARTBEAT_RECONNECT_MS_DEFAULT	1000
#define TIMEOUT_MS_DEFAULT	30000
#define ANSWER_MS_DEFAULT	120000
#define KEEPALIVE_MS_DEFAULT	20000
#define FRAGMENT_SIZE_DEFAULT	1280	/* the minimum MTU of IPv6 */
#define FRAGMENT_SIZE_MIN	576

/* Everything at its default, lists empty. */
void ike_policy_default(struct ike_policy *p);
void ike_policy_wipe(struct ike_policy *p);
/* The pool that has ${a}'s family; NULL: none. */
struct pool *ike_policy_pool(const struct ike_policy *p, const struct addr *a);
/* Ends one use of the leased address ${a}, if it is one. */
void ike_policy_release(const struct ike_policy *p, uint64_t epoch, const struct addr *a);

#endif
