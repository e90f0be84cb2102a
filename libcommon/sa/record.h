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
#define SA_TEXT		256	/* banners, domains, event texts */
#define SA_IV_MAX	16
#define SA_VIDS_MAX	32
#define SA_VID_MAX	128	/* bytes kept of one vendor ID */
#define SA_SELECTORS_MAX 64
#define SA_LIST_MAX	16	/* dns, nbns, split */

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
	EVENT(REFUSED,	"refused")	/* nobody carries it: "text" says why */ \
	/* between negotiators, about a peer's address */		\
	EVENT(WHO_HAS,	"who-has")	/* has another tool SAs with it? */ \
	EVENT(HAS,	"has")		/* yes */			\
	/* of a monitor, about a device */				\
	EVENT(READY,	"ready")					\
	EVENT(UP,	"up")						\
	EVENT(DOWN,	"down")						\
	EVENT(CARRIER,	"carrier")	/* of a group: the device in use */

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
	REASON(REFUSED,		"esp-tun refused it")

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

enum sa_type { SA_NONE, SA_IKE, SA_CHILD, SA_DELETE, SA_EVENT };
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
	char		address[ADDR_TEXT], netmask[ADDR_TEXT], domain[SA_TEXT], banner[SA_TEXT];
	size_t		n_dns, n_nbns, n_split;
	char		dns[SA_LIST_MAX][ADDR_TEXT], nbns[SA_LIST_MAX][ADDR_TEXT],
			split[SA_LIST_MAX][SELECTOR_TEXT];
	/* xauth */
	char		xauth_user[SA_TEXT], xauth_status[SA_WORD];
};

struct sa_child {
	char		name[SA_NAME];
	uint8_t		ike[16];		/* spi-i | spi-r */
	bool		initiator;
	enum sa_use	use;
	uint8_t		replaces[4];		/* zero: none */
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
	/* what it is about, where it is about one: keys "spi-in", "remote", "tun" (a device), "text" */
	bool		has_spi_in, has_remote;
	uint8_t		spi_in[4];
	struct endpoint	remote;
	char		tun[SA_WORD];
	char		text[SA_TEXT];
};

struct sa_rec {
	enum sa_type	type;
	union {
		struct sa_ike	ike;
		struct sa_child	child;
		struct sa_del	del;
		struct sa_event	event;
	};
};

/* The words of the schema: "remap"; "expired", or "" where there is no reason. */
const char *sa_event_word(const struct sa_event *e);
const char *sa_del_reason(const struct sa_del *d);
/* "" for SA_REASON_OTHER. */
const char *sa_reason_text(enum sa_reason reason);

/* Releases the secrets and clears the rest. */
void sa_ike_wipe(struct sa_ike *s);
void sa_child_wipe(struct sa_child *s);
void sa_rec_wipe(struct sa_rec *r);
/* Deep copies; ${to} is overwritten, not released. 0, or -1 when memory is short. */
int sa_ike_copy(struct sa_ike *to, const struct sa_ike *from);
int sa_child_copy(struct sa_child *to, const struct sa_child *from);
int sa_rec_copy(struct sa_rec *to, const struct sa_rec *from);

#endif
