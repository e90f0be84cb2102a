/*
 * SA state: the records that tools hand each other (sa-state.cddl beside this
 * file), as C values. codec.h reads and writes their CBOR form. Only sa/ knows
 * the schema's key names.
 */
#ifndef SAPIPE_SA_RECORD_H
#define SAPIPE_SA_RECORD_H

#include "base/addr.h"
#include "base/secret.h"
#include "wire/id.h"

#define SA_WORD		32	/* algorithm words, reasons */
#define SA_NAME		64
#define SA_TEXT		256	/* domains, event texts */
#define SA_BANNER	2048
#define SA_IV_MAX	16
#define SA_VIDS_MAX	32
#define SA_VID_MAX	128	/* bytes kept of one vendor ID */
#define SA_SELECTORS_MAX 64
#define SA_LIST_MAX	16	/* dns, nbns */
#define SA_NETS_MAX	32	/* split, local-lan */
#define SA_DROPS_MAX	32	/* reasons of drops in one record */

/*
 * EVENT(kind, word) and REASON(reason, text): kinds of events and reasons why SAs end. The record has the
 * word; code uses the kind. An unknown word is kept as OTHER.
 */
#define SA_EVENT_TABLE(EVENT)						\
	/* of the data path, about one child SA */			\
	EVENT(REMAP,	"remap")	/* the peer's NAT mapping has moved */ \
	EVENT(SOFT,	"soft")		/* time to rekey */		\
	EVENT(HARD,	"hard")		/* its volume is used up */	\
	EVENT(TRAFFIC,	"traffic")	/* packets of the peer came in */ \
	EVENT(COUNT,	"count")	/* the counters of one that has ended */ \
	EVENT(REFUSED,	"refused")	/* nobody carries it: "text" says why */ \
	/* to the data path, about one child SA */			\
	EVENT(LIMIT,	"limit")	/* "kilobytes" is its lifetime, if that is less than before */ \
	/* to the data path, through its control socket */		\
	EVENT(REPORT,	"report")	/* asks for its counters */	\
	EVENT(RESET,	"reset")	/* ... and sets them to zero */	\
	EVENT(NEXT_HOPS, "next-hops")	/* asks for the bindings of next hops */ \
	/* between negotiators, about a peer's address */		\
	EVENT(WHO_HAS,	"who-has")	/* has another tool SAs with it? */ \
	EVENT(HAS,	"has")		/* yes */			\
	/* of a monitor, about a device */				\
	EVENT(READY,	"ready")					\
	EVENT(UP,	"up")						\
	EVENT(DOWN,	"down")						\
	EVENT(CARRIER,	"carrier")	/* of a group: the device in use */ \
	/* of a negotiator that shares its address with another one */	\
	EVENT(TAKEOVER,	"takeover")	/* it is the active one now; "text" says where it runs */ \
	EVENT(SNAPSHOT,	"snapshot")	/* its SAs of now follow; "text" is "active" if it is the active one */ \
	EVENT(CURRENT,	"current")	/* those were all */

#define SA_REASON_TABLE(REASON)						\
	REASON(SHUT_DOWN,	"shut down")				\
	REASON(EXPIRED,		"expired")				\
	REASON(REPLACED,	"replaced")				\
	REASON(DELETED,		"deleted by the peer")			\
	REASON(INITIAL_CONTACT,	"INITIAL-CONTACT from the peer")	\
	REASON(DEAD,		"the peer is dead")			\
	REASON(NO_HEARTBEATS,	"the peer is dead: no heartbeats")	\
	REASON(UNFINISHED,	"quick mode did not end")		\
	REASON(VOLUME,		"its volume is used up")		\
	REASON(REFUSED,		"esp-tun refused it")			\
	REASON(UNCONFIGURED,	"the configuration changed")		\
	REASON(NOT_REKEYED,	"taken over, and only the peer can rekey it")

enum sa_event_kind {
	SA_EVENT_OTHER,
#define SA_EVENT_ENUM(kind, word) SA_EVENT_##kind,
	SA_EVENT_TABLE(SA_EVENT_ENUM)
#undef SA_EVENT_ENUM
	SA_EVENT_KINDS
};

enum sa_reason {
	SA_REASON_OTHER,	/* or none */
#define SA_REASON_ENUM(reason, text) SA_REASON_##reason,
	SA_REASON_TABLE(SA_REASON_ENUM)
#undef SA_REASON_ENUM
	SA_REASONS
};

enum sa_type { SA_NONE, SA_IKE, SA_CHILD, SA_DELETE, SA_EVENT, SA_STAT, SA_TUN_STAT, SA_NHRP_BINDING, SA_NHRP_EVENT,
	SA_NEXT_HOP };
enum sa_role { SA_INITIATOR, SA_RESPONDER };
enum sa_exchange { SA_MAIN, SA_AGGRESSIVE };
enum sa_natt_marker { SA_MARKER_NONE, SA_MARKER_NON_ESP, SA_MARKER_NON_IKE };
enum sa_use { SA_USE_IN, SA_USE_BOTH };
enum sa_proto { SA_ESP, SA_AH };
enum sa_mode { SA_TUNNEL, SA_TRANSPORT };
enum sa_encap { SA_ENCAP_NONE, SA_ENCAP_UDP, SA_ENCAP_UDP_DRAFT, SA_ENCAP_TCP };

struct sa_end {
	struct endpoint	at;
	struct id	id;		/* type 0: none */
};

struct sa_lifetime {
	uint64_t	seconds, kilobytes;	/* kilobytes 0: no limit */
	uint64_t	expires;		/* epoch seconds, hard */
};

struct sa_natt {
	char		version[SA_WORD];	/* "none", "rfc3947", "draft-02", ... */
	enum sa_natt_marker marker;
	bool		local_nat, remote_nat, forced;
	bool		tcp;		/* inside Cisco's TCP encapsulation, without NAT-T */
};

struct sa_ike {
	char		name[SA_NAME];		/* "" : none */
	uint8_t		spi_i[8], spi_r[8];	/* the cookies */
	enum sa_role	role;
	char		auth[SA_WORD];		/* "psk", ... */
	struct sa_end	local, remote;
	struct sa_natt	natt;
	uint64_t	established;
	struct sa_lifetime lifetime;
	enum sa_exchange exchange;
	/* proposal: the registry's names (crypto/alg.h) */
	char		encryption[SA_WORD], hash[SA_WORD], group[SA_WORD];
	uint16_t	key_bits;
	/* keys */
	struct secret	skeyid, skeyid_d, skeyid_a, skeyid_e, cipher;
	uint8_t		iv[SA_IV_MAX];
	uint8_t		iv_len;
	bool		has_dpd_seq;
	uint32_t	dpd_seq;
	/* peer */
	size_t		n_vids;
	struct { uint8_t len; uint8_t b[SA_VID_MAX]; } vids[SA_VIDS_MAX];
	bool		dpd;
	char		implementation[SA_NAME];
	/* config (phase 1.5); empty where there was none */
	bool		has_config;
	char		address[ADDR_TEXT], netmask[ADDR_TEXT], address6[ADDR_TEXT];
	char		domain[SA_TEXT], split_dns[SA_TEXT], banner[SA_BANNER], gateway_version[SA_NAME];
	size_t		n_dns, n_nbns, n_split, n_local_lan;
	char		dns[SA_LIST_MAX][ADDR_TEXT], nbns[SA_LIST_MAX][ADDR_TEXT],
			split[SA_NETS_MAX][SELECTOR_TEXT], local_lan[SA_NETS_MAX][SELECTOR_TEXT];
	/* xauth */
	char		xauth_user[SA_TEXT], xauth_status[SA_WORD], xauth_group[SA_NAME];
};

struct sa_child {
	char		name[SA_NAME];
	uint8_t		ike[16];		/* spi-i | spi-r */
	bool		initiator;
	enum sa_use	use;
	uint8_t		replaces[4];		/* zero: none */
	uint32_t	takeovers;		/* by gateways that share the address, see esp/sa.h */
	uint8_t		bundle[4];		/* spi-in of the other SA: ESP inside, AH around it; zero: none */
	enum sa_proto	protocol;
	enum sa_mode	mode;
	uint8_t		spi_in[4], spi_out[4];
	struct sa_end	local, remote;
	enum sa_encap	encap;
	bool		has_nat_oa;
	struct addr	nat_oa_local, nat_oa_remote;
	char		encryption[SA_WORD], integrity[SA_WORD], group[SA_WORD];	/* "": none */
	uint16_t	key_bits;
	bool		esn;
	struct secret	enc_in, auth_in, enc_out, auth_out;	/* enc: key | salt */
	size_t		n_local_ts, n_remote_ts;
	struct selector	local_ts[SA_SELECTORS_MAX], remote_ts[SA_SELECTORS_MAX];
	uint64_t	established;
	struct sa_lifetime lifetime;
	bool		has_replay;
	uint32_t	replay;			/* window in packets, 0: off */
};

struct sa_del {
	bool		has_ike, has_protocol, has_spi_in, has_spi_out;
	uint8_t		ike[16];
	enum sa_proto	protocol;
	uint8_t		spi_in[4], spi_out[4];
	enum sa_reason	reason;
	char		reason_other[SA_TEXT];	/* with SA_REASON_OTHER; "": none */
};

struct sa_event {
	uint64_t	time;
	char		source[SA_WORD];
	enum sa_event_kind what;
	char		what_other[SA_WORD];	/* with SA_EVENT_OTHER */
	/* what it is about, where it is about one: keys "spi-in", "remote", "tun" (a device), "text", "kilobytes", "takeovers" */
	bool		has_spi_in, has_remote, has_count;
	uint8_t		spi_in[4];
	struct endpoint	remote;
	char		tun[SA_WORD];
	char		text[SA_TEXT];
	uint64_t	kilobytes;	/* 0: not there */
	uint64_t	takeovers;	/* of SA_EVENT_TAKEOVER: how many there have been, this one included; 0: not there */
	/* with ${has_count}: what the child SA has carried so far, bytes of inner packets */
	uint64_t	bytes_in, bytes_out, packets_in, packets_out;
	/*
	 * SA_EVENT_TRAFFIC of many child SAs at once, without ${has_spi_in}: SA_TRAFFIC_LEN bytes for each, see
	 * sa_traffic_get(). Borrowed: of a decoded record from what it was decoded from.
	 */
	struct span	sas;
};

#define SA_TRAFFIC_LEN	36	/* spi-in | bytes-in | bytes-out | packets-in | packets-out */
#define SA_TRAFFIC_MAX	1700	/* child SAs in one record */

/* One of them, at ${p}: the fields of ${e} that are about a child SA. */
void sa_traffic_put(uint8_t p[SA_TRAFFIC_LEN], const struct sa_event *e);
void sa_traffic_get(struct sa_event *e, const uint8_t p[SA_TRAFFIC_LEN]);

/* Counters of one direction, since the SA was added or since the last reset. */
struct sa_count {
	uint64_t	packets, bytes;		/* inner packets that went through */
	uint64_t	last;			/* epoch seconds of the last one; 0: none, or not known */
	size_t		n_drops;
	struct sa_drop { char reason[SA_WORD]; uint64_t packets; } drops[SA_DROPS_MAX];	/* without zeros */
};

/* A child SA as a data path has it: no keys. */
struct sa_stat {
	char		name[SA_NAME];
	enum sa_use	use;
	enum sa_proto	protocol;
	enum sa_mode	mode;
	enum sa_encap	encap;
	uint8_t		spi_in[4], spi_out[4];
	struct endpoint	local, remote;		/* remote: where the peer is now */
	uint64_t	established, expires;	/* epoch seconds */
	uint64_t	mtu;			/* longest inner packet that needs no outer fragments; 0: not known */
	uint64_t	path_mtu;		/* of the outer path to ${remote}, which ${mtu} follows from; 0: not known */
	size_t		n_local_ts, n_remote_ts;
	struct selector	local_ts[SA_SELECTORS_MAX], remote_ts[SA_SELECTORS_MAX];
	struct sa_count	in, out;
};

/* A data path as a whole; its counters include SAs that have ended. */
struct sa_tun_stat {
	uint64_t	time, since;		/* now, and from when it counts: epoch seconds */
	char		tun[SA_WORD];
	uint64_t	mtu;
	uint64_t	sas, ever;		/* SAs that are there, and that there have been */
	bool		has_bindings;		/* it is a GRE device, which has no SAs */
	uint64_t	bindings;		/* ... but nhrp-bindings */
	uint64_t	remaps;			/* NAT mappings of peers that have moved */
	uint64_t	cut;			/* packets from the device that were longer than any packet */
	uint64_t	fragmented;		/* packets fragmented before encryption */
	uint64_t	believed, forged;	/* ICMP errors about the size of outer packets: believed, and others */
	uint64_t	unsent, unwritten;	/* packets that the kernel did not accept, outbound and inbound */
	struct sa_count	in, out;
};

enum nhrp_kind {
	NHRP_KIND_LOCAL,		/* an address of this end */
	NHRP_KIND_NHS,			/* a next hop server, or a network behind it */
	NHRP_KIND_DYNAMIC,		/* a client that has registered here */
	NHRP_KIND_SHORTCUT,		/* the answer to a resolution request */
	NHRP_KIND_NEGATIVE,		/* nobody has the address */
};

#define SA_PROPOSALS	128

/* What the server wants the tunnel of a shortcut to be; "" and 0: as its ends are configured. */
struct sa_profile {
	char		ike[SA_PROPOSALS], esp[SA_PROPOSALS];
	uint64_t	ike_seconds, esp_seconds;
};

/*
 * Which NBMA address has a protocol address, or a network (NHRP, RFC 2332). Its identity is ${tun}, ${proto} and ${prefix}: a
 * later one replaces it, and one with ${holding} 0 withdraws it. The next hop is ${via} if there is one, else ${proto}; NBMA
 * addresses are those of the next hop.
 */
struct sa_nhrp_binding {
	char		source[SA_WORD];	/* the tool */
	char		tun[SA_WORD];		/* the GRE device; "": whoever reads it */
	struct addr	proto;
	uint8_t		prefix;			/* of ${proto}: 32 or 128 for one address */
	struct addr	nbma;			/* family 0: none, as of a negative one and one that is withdrawn */
	struct addr	nat_nbma;		/* what a NAT made of ${nbma}: packets go there; family 0: no NAT */
	struct addr	via;			/* the next hop's address in the tunnel; family 0: ${proto} itself */
	struct addr	nhs;			/* the next hop server that it comes from; family 0: none */
	enum nhrp_kind	kind;
	uint64_t	holding;		/* holding time in seconds; 0: withdrawn */
	uint64_t	expires;		/* epoch seconds; UINT64_MAX: never */
	uint16_t	mtu;			/* 0: not told */
	struct { bool unique, router, authoritative, nat, used, passive; } flags;	/* passive: the peer begins its tunnel */
	bool		has_cert;
	uint8_t		cert[32];		/* SHA-256 of the peer's certificate, DER: no other is accepted */
	bool		has_profile;
	struct sa_profile profile;
};

struct sa_nhrp_event {
	uint64_t	time;
	char		source[SA_WORD];
	char		what[SA_WORD];		/* "registered", "refused", "resolved", "indication", "purged", "lost", ... */
	char		tun[SA_WORD];
	/* what it is about; family 0: there is none */
	struct addr	proto, remote, nhs;	/* ${remote}: an NBMA address */
	uint8_t		prefix;			/* of ${proto}; 0: it is one address */
	bool		has_code;
	uint16_t	code;			/* of a CIE or an error indication */
	char		text[SA_TEXT];
};

enum sa_hop_flag { SA_HOP_STATIC, SA_HOP_AUTOMATIC };
enum sa_hop_state { SA_HOP_DOWN, SA_HOP_READY, SA_HOP_UP };	/* no SA; one that may not send yet; one that carries packets */

/* The binding of a next hop to a peer, in a data path. */
struct sa_next_hop {
	struct addr	hop;
	enum sa_hop_flag flag;
	enum sa_hop_state state;
	char		name[SA_TEXT];		/* of the peer, or what the binding names; "": none */
	bool		has_sa;
	uint8_t		spi_in[4], spi_out[4];
	bool		has_remote;
	struct endpoint	remote;			/* where the peer is now */
};

struct sa_rec {
	enum sa_type	type;
	union {
		struct sa_ike	ike;
		struct sa_child	child;
		struct sa_del	del;
		struct sa_event	event;
		struct sa_stat	stat;
		struct sa_tun_stat tun_stat;
		struct sa_nhrp_binding binding;
		struct sa_nhrp_event nhrp_event;
		struct sa_next_hop next_hop;
	};
};

/* The words of the schema: "remap"; "expired", or "" where there is no reason. */
const char *sa_event_word(const struct sa_event *e);
const char *sa_del_reason(const struct sa_del *d);
/* "" for SA_REASON_OTHER. */
const char *sa_reason_text(enum sa_reason reason);

/* "static", "automatic"; "down", "ready", "up". */
const char *sa_hop_flag_word(enum sa_hop_flag flag);
const char *sa_hop_state_word(enum sa_hop_state state);
/* "local", "nhs", ... */
const char *nhrp_kind_word(enum nhrp_kind kind);
/*
 * Whether the addresses of ${b} fit each other: a prefix that the family of ${b}->proto can have, a next hop of that family, an
 * NBMA address where one is needed. The schema alone does not say so: check each record that was read.
 */
bool sa_binding_valid(const struct sa_nhrp_binding *b);
/* The address of the NBMA that packets go to; family 0: there is none. */
static inline const struct addr *
sa_binding_nbma(const struct sa_nhrp_binding *b)
{
	return (b->nat_nbma.family != 0 ? &b->nat_nbma : &b->nbma);
}

/*
 * The bytes that a record of ${type} has: a delete needs 2 % of the largest, an IKE SA. The functions below touch no more of a
 * record, so that a record may be in as much memory as its type needs (outbox_record()); such a one is not copied with "=".
 */
size_t sa_rec_size(enum sa_type type);

/* Releases the secrets and clears the rest. */
void sa_ike_wipe(struct sa_ike *s);
void sa_child_wipe(struct sa_child *s);
void sa_rec_wipe(struct sa_rec *r);
/* Deep copies; ${to} is overwritten, not released. 0, or -1 when memory is short. */
int sa_ike_copy(struct sa_ike *to, const struct sa_ike *from);
int sa_child_copy(struct sa_child *to, const struct sa_child *from);
int sa_rec_copy(struct sa_rec *to, const struct sa_rec *from);

#endif
