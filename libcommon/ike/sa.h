/*
 * The part of an IKE SA that is the same in all versions of IKE: identities, addresses and timers.
 * The version keeps its own state behind it (a struct that begins with this one). SA records
 * (sa/record.h) are built from it.
 */
#ifndef SAPIPE_IKE_SA_H
#define SAPIPE_IKE_SA_H

#include "base/heap.h"
#include "base/table.h"
#include "ike/ident.h"
#include "ike/ike.h"
#include "ike/settings.h"

#define IKE_PORT	500
#define NATT_PORT	4500

struct ike_version;

enum ike_state {
	IKE_SA_HALF_OPEN,	/* its first exchange is in progress */
	/*
	 * The ends have keys, and XAuth, which precedes the first child SA, has not ended.
	 * Informational messages work as when it is established; no child SA is negotiated.
	 */
	IKE_SA_AUTHENTICATING,
	IKE_SA_ESTABLISHED,
	IKE_SA_DEAD,		/* freed before the engine returns */
};

struct ike_end {
	struct endpoint	 at;
	struct ike_id	*id;		/* NULL: none */
};

enum ike_xauth { IKE_XAUTH_NONE, IKE_XAUTH_PENDING, IKE_XAUTH_OK, IKE_XAUTH_FAILED };

/*
 * What XAuth and mode config brought, before the first child SA. Texts of the peer are printable: see
 * ike_config_text().
 */
struct ike_config {
	enum ike_xauth	 xauth;
	char		 user[SA_TEXT];
	/* As gateway, of who judged the login: the user's group ("": none), and the address for it (family 0: none). */
	char		 group[SA_NAME];
	struct addr	 login_address;
	/* Given by the gateway to its client. */
	bool		 client;		/* this end is the client; the gateway knows the address alone */
	struct addr	 address, netmask;	/* family 0: none */
	struct addr	 address6;
	struct ike_settings *settings;		/* of a client; NULL: none */
};

struct ike_ring {		/* SAs by age; all zero is empty */
	struct ike_sa	*oldest, *newest;
	size_t		 n;
};

struct ike_sa {
	/* The engine's own: see ike_engine_link(). */
	struct ike_sa		*next, **at;	/* the list, and the pointer to this entry */
	struct table_node	 by_spi, by_peer_spi;
	struct table_node	 by_peer, by_addr;
	struct timer		 timer;
	struct ike_sa		*next_touched;
	bool			 linked, touched;
	struct ike_ring		*ring;		/* of half-open SAs: see engine_priv.h; NULL: in none */
	struct ike_sa		*older, *newer;	/* there */
	bool			 returned;	/* the peer sent our SPI back from its address */
	size_t			 bytes_in, bytes_out;	/* received and sent before that */
	bool			 announced;	/* the ids_mark knows of it, */
	uint8_t			 served[8];	/* with this SPI of the peer */

	const struct ike_version *version;
	struct ike_engine	*engine;
	struct ike_policy	*policy;
	const struct ike_policy	*group;		/* of the user, in the place of some values of the policy; NULL: none */
	enum ike_state		 state;
	enum sa_role		 role;		/* of this end */
	uint8_t			 spi_i[8], spi_r[8];	/* the cookies, in IKEv1 */
	struct ike_end		 local, remote;
	char			*name;		/* of the policy, or of the record it came from */
	struct ike_config	*config;	/* NULL: neither XAuth nor mode config yet */
	struct sa_natt		 natt;
	struct endpoint		 elsewhere;	/* where an answer of phase 1 came from that is dropped; family 0: none */
	struct endpoint		 from_local, from_remote;	/* of the datagram in hand */
	/*
	 * The addresses of the two ends when phase 1 began: the default selectors. They never change,
	 * because the address of a later message can be forged.
	 */
	struct addr		 own_addr, peer_addr;
	uint64_t		 established;	/* epoch seconds */
	struct sa_lifetime	 lifetime;
	bool			 want_children;	/* begin the policy's once it is established */
	bool			 replaced;	/* its successor is established */
	bool			 unfit;		/* new policies do not allow it: see ike/renew/ */
	bool			 adopted;	/* it came from a record */
	bool			 inherited;	/* of another gateway, whose last messages are not known */
	bool			 floated;	/* it is on our port 4500, where a non-ESP marker precedes IKE */
	uint16_t		 floated_from;	/* the peer's port before, where it had answered; 0: none */
	uint64_t		 soft_ms, hard_ms, delete_ms, keepalive_ms;	/* UINT64_MAX: never */
	uint64_t		 heard_ms;	/* the last authentic message, or traffic */
};

/* Fills in a new SA, which is zero; the version is one that keeps it. 0, or -1: no memory. */
int ike_sa_init(struct ike_sa *sa, const struct ike_version *version, struct ike_engine *e,
    struct ike_policy *policy, enum sa_role role, const struct endpoint *local,
    const struct endpoint *remote);
/* ${sa}->config, which is made if there is none. NULL: no memory. */
struct ike_config *ike_sa_config(struct ike_sa *sa);
/*
 * Takes over what the record ${s} says of XAuth and mode config, as the record of a client. 0, or -1 with FAULT_BAD_RECORD
 * or FAULT_MEMORY.
 */
int ike_sa_adopt_config(struct ike_sa *sa, const struct sa_ike *s, struct fault *f);
/* Copies a text of the peer, truncated to fit; each control byte except a newline becomes '?'. */
void ike_config_text(char out[SA_TEXT], struct span from);
/* The policy for its clients: the group's, or its own. */
const struct ike_policy *ike_sa_scope(const struct ike_sa *sa);
/* Replaces the name. 0, or -1: no memory. */
int ike_sa_set_name(struct ike_sa *sa, const char *name);
/* Releases the resources of the SA, not ${sa} itself, at ${epoch} (seconds). */
void ike_sa_clear(struct ike_sa *sa, uint64_t epoch);
/* Both SPIs, the initiator's first. */
void ike_sa_id(const struct ike_sa *sa, uint8_t id[16]);
/* Whether both are SAs with one peer, by policy and proven identity. */
bool ike_sa_same_peer(const struct ike_sa *a, const struct ike_sa *b);
/*
 * Whether ${len} bytes may go to the peer now: an address that has proven nothing gets no more than IKE_AMPLIFY_MAX
 * times what came from there. If not, says so.
 */
bool ike_sa_may_send(const struct ike_sa *sa, size_t len, struct ike_outbox *out);
/*
 * Sends ${message} to the peer. A peer that began ${sa} and has not sent our SPI back gets at most IKE_AMPLIFY_MAX
 * times the bytes that came from its address: the address may be forged.
 */
#define IKE_AMPLIFY_MAX	3
void ike_sa_send(struct ike_sa *sa, struct span message, struct ike_outbox *out);
/*
 * Whether a datagram of ${len} bytes for ${sa} may come from ${remote}: until the peer is authenticated, only its port
 * may change. Counts it.
 */
bool ike_sa_hears(struct ike_sa *sa, const struct endpoint *remote, bool has_spis, size_t len,
    struct ike_outbox *out);
void ike_sa_heard(struct ike_sa *sa, struct now now);
/* Fills in the fields of a record that all versions have in common. Does not change other fields of ${s}. */
void ike_sa_record(const struct ike_sa *sa, struct sa_ike *s);
/* An endpoint as text, without a port if it has none (of child SAs that are not in UDP). Returns ${text}. */
const char *ike_at_text(char text[ENDPOINT_TEXT], const struct endpoint *at);
/* One end for a record. */
struct sa_end ike_end_record(const struct ike_end *end);

#endif
