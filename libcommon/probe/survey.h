/*
 * Detects what an IKE gateway answers and accepts: reachability of both ports, NAT traversal and NAT-D,
 * vendor IDs and, on request, the accepted transforms of phase 1. It needs no credentials and
 * establishes no SA. A machine without I/O (ike/machine.h).
 */
#ifndef SAPIPE_PROBE_SURVEY_H
#define SAPIPE_PROBE_SURVEY_H

#include "ike/machine.h"
#include "probe/probe.h"

#define SURVEY_OWN_MAX		16
#define SURVEY_VID_LEN		64	/* bytes kept of a vendor ID */
#define SURVEY_NATD_MAX		16
#define SURVEY_LINK_MTU		1500	/* bytes of an IP packet on the commonest links */
#define SURVEY_FOUND_MAX	64	/* accepted transforms; the search ends there */

enum survey_port { SURVEY_500, SURVEY_4500, SURVEY_PORTS };

struct ike_survey_conf {
	struct rand	rand;
	struct endpoint	local[SURVEY_PORTS];	/* to send from; port 0: not open, no probes there */
	struct endpoint	remote[SURVEY_PORTS];
	/* With ${sizes}: to send from without IP fragments; port 0: the path MTU is not searched there. */
	struct endpoint	whole[SURVEY_PORTS];
	size_t		path_max;		/* the largest IP packet of that search, at most SURVEY_LINK_MTU */
	size_t		n_own;			/* addresses of this machine that NAT-D may name */
	struct addr	own[SURVEY_OWN_MAX];
	struct addr	outside;		/* our address outside a NAT; family 0: not known */
	bool		transforms, sizes;
	struct id	id;			/* our ID in aggressive mode */
	uint32_t	timeout_ms;		/* for an answer to a message, retransmissions included */
	uint32_t	gap_ms;			/* between first messages */
	uint32_t	limit_ms;		/* of the search for transforms */
};

enum { SURVEY_WHOLE, SURVEY_FRAGMENTS, SURVEY_IKE_FRAGMENTS, SURVEY_SIZES };

enum survey_nat {
	SURVEY_NAT_UNKNOWN, SURVEY_NAT_NONE, SURVEY_NAT_LOCAL, SURVEY_NAT_REMOTE, SURVEY_NAT_BOTH,
};

/* The NAT-D hash of one address and port. */
struct survey_hash {
	struct endpoint	of;
	uint8_t		b[HASH_MAX];
	bool		matches;	/* a hash that the peer has sent */
};

struct survey_found {
	struct probe_transform	t;
	bool			aggressive;
	bool			stuck;		/* message 3 was not answered: another method? */
};

/*
 * IP packets with DF set: the largest one that was answered and the smallest one that was not, 0: none. Both 0: nothing
 * was asked. If only ${fails} is set, not even a small one was answered from that port.
 */
struct survey_path {
	enum survey_port	port;
	size_t			passes, fails, tried;
};

struct ike_survey_result {
	struct {
		bool		answered;
		struct endpoint	from;		/* where the first answer came from ... */
		uint32_t	rtt_ms;
		uint16_t	notify;		/* ... and the notify that it was, or 0 */
		int		sys;		/* errno of an ICMP error, or 0 */
	} port[SURVEY_PORTS];
	uint8_t			other_version;	/* of an answer in another version of IKE, or 0 */
	size_t			n_vids;
	struct { uint8_t len, b[SURVEY_VID_LEN]; } vids[PROBE_VIDS_MAX];
	uint32_t		natt;		/* versions announced: bits 1 << enum vid_kind */
	struct id		peer_id;	/* sent in clear, in aggressive mode; type 0: none */
	uint64_t		life_s;		/* of phase 1, in the first choice; 0: none */
	size_t			nonce_len;	/* of its first nonce; 0: none received */
	/* NAT-D, from the exchange that reached message 4. */
	enum survey_nat		nat;
	bool			natd_done;	/* message 4 was received */
	enum survey_port	natd_port;
	const char		*natd_version;	/* negotiated; NULL: none */
	const char		*natd_hash;
	uint8_t			natd_len;
	uint8_t			cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	size_t			n_natd;		/* received: the first is of this end */
	struct { uint8_t len, b[HASH_MAX]; } natd[SURVEY_NATD_MAX];
	size_t			n_own;
	struct survey_hash	own[SURVEY_OWN_MAX], peer;
	/* Our address and port as the peer sees them, if the address is ${outside} or one of ours. */
	bool			seen_known;
	struct endpoint		seen;
	/*
	 * Long messages, to port 4500 if that answers: IP packets of 1500 bytes, and of 3000 bytes, which
	 * are fragmented; message 3 in two IKE fragments of 1280 bytes, if the peer announces them.
	 */
	struct { bool asked, answered; enum survey_port port; size_t len; } size[SURVEY_SIZES];
	bool			fragments_announced;
	struct survey_path	path;
	/* Transforms. */
	size_t			n_found;
	struct survey_found	found[SURVEY_FOUND_MAX];
	uint16_t		aggressive_notify;	/* that rejected aggressive mode; 0: none */
	bool			searched, complete;	/* the search was requested; it was completed */
	uint32_t		tried, to_try;	/* transforms tried, of those planned so far */
	uint32_t		sent;		/* messages */
	uint64_t		waiting_ms;	/* until the silent peer is probed again; 0: it answers */
};

struct ike_survey;

struct ike_survey *ike_survey_new(const struct ike_survey_conf *conf, struct fault *f);
void ike_survey_free(struct ike_survey *s);	/* NULL is fine */

/* ${s} as a machine. An ICMP error shortens the timeout. */
struct ike_machine ike_survey_machine(struct ike_survey *s);
/* The result so far; may be called at any time. */
const struct ike_survey_result *ike_survey_result(const struct ike_survey *s);

/* The first accepted transform that leads to message 4 of main mode; NULL: there is none. */
const struct probe_transform *ike_survey_leads_on(const struct ike_survey_result *r);

#define SURVEY_TEXT	256
/*
 * The peer's implementation, from a vendor ID that names a product, or from the set and order of its vendor
 * IDs. ${evidence} is the reason in words. False: unknown.
 */
bool ike_survey_guess(const struct ike_survey_result *r, char name[SURVEY_TEXT],
    char evidence[SURVEY_TEXT]);

/*
 * The accepted transforms as a list for --ike, strongest first, weak ones only if there are no others;
 * "" if none. ${out} has room for SURVEY_IKE bytes.
 */
#define SURVEY_IKE	(PROPOSALS_MAX * PROPOSAL_TEXT)
char *ike_survey_proposals(char out[SURVEY_IKE], const struct ike_survey_result *r);

#endif
