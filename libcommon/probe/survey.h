/*
 * What stands between this end and an IKE gateway, and what it takes: reachability of both
 * ports, NAT traversal and NAT-D, vendor IDs, and (if asked) which transforms of phase 1
 * are accepted. Nobody's credentials are needed, nothing gets established. A machine without
 * I/O: datagrams and the time go in, datagrams come out, the findings can be looked at any time.
 */
#ifndef SAPIPE_PROBE_SURVEY_H
#define SAPIPE_PROBE_SURVEY_H

#include "ike/outbox.h"
#include "probe/probe.h"

#define SURVEY_OWN_MAX		16
#define SURVEY_VID_LEN		64	/* bytes kept of a vendor ID */
#define SURVEY_NATD_MAX		16
#define SURVEY_FOUND_MAX	64	/* accepted transforms; the search ends there */

enum survey_port { SURVEY_500, SURVEY_4500, SURVEY_PORTS };

struct ike_survey_conf {
	struct rand	rand;
	struct endpoint	local[SURVEY_PORTS];	/* to send from; port 0: not open, don't ask there */
	struct endpoint	remote[SURVEY_PORTS];
	size_t		n_own;			/* addresses of this machine that NAT-D may name */
	struct addr	own[SURVEY_OWN_MAX];
	struct addr	outside;		/* where we may be seen at, behind a NAT; family 0: not known */
	bool		transforms, sizes;
	struct id	id;			/* to call ourselves in aggressive mode */
	uint32_t	timeout_ms;		/* for an answer to a message, resends included */
	uint32_t	gap_ms;			/* between messages that begin something */
	uint32_t	limit_ms;		/* of the search for transforms */
};

enum { SURVEY_WHOLE, SURVEY_FRAGMENTS, SURVEY_IKE_FRAGMENTS, SURVEY_SIZES };

enum survey_nat {
	SURVEY_NAT_UNKNOWN, SURVEY_NAT_NONE, SURVEY_NAT_LOCAL, SURVEY_NAT_REMOTE, SURVEY_NAT_BOTH,
};

/* One way of address and port into a NAT-D hash. */
struct survey_hash {
	struct endpoint	of;
	uint8_t		b[HASH_MAX];
	bool		matches;	/* what the peer has sent */
};

struct survey_found {
	struct probe_transform	t;
	bool			aggressive;
	bool			stuck;		/* message 3 was not answered: another method? */
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
	struct id		peer_id;	/* said in clear, in aggressive mode; type 0: not */
	uint64_t		life_s;		/* in the first choice: of phase 1, 0: not said */
	size_t			nonce_len;	/* of its first nonce, 0: none came */
	/* NAT-D: of the exchange that got as far. */
	enum survey_nat		nat;
	bool			natd_done;	/* message 4 came */
	enum survey_port	natd_port;
	const char		*natd_version;	/* agreed on; NULL: none */
	const char		*natd_hash;
	uint8_t			natd_len;
	uint8_t			cky_i[COOKIE_LEN], cky_r[COOKIE_LEN];
	size_t			n_natd;		/* received: the first is of this end */
	struct { uint8_t len, b[HASH_MAX]; } natd[SURVEY_NATD_MAX];
	size_t			n_own;
	struct survey_hash	own[SURVEY_OWN_MAX], peer;
	/* Where the peer sees us, if it is at ${outside} or an own address, but behind another port. */
	bool			seen_known;
	struct endpoint		seen;
	/*
	 * Long messages, to the port of ESP in UDP where that answers: IP packets of 1500 bytes, and
	 * of twice that, thus in fragments; message 3 in two IKE fragments of 1280 bytes, if the peer
	 * announces them.
	 */
	struct { bool asked, answered; enum survey_port port; size_t len; } size[SURVEY_SIZES];
	bool			fragments_announced;
	/* Transforms. */
	size_t			n_found;
	struct survey_found	found[SURVEY_FOUND_MAX];
	uint16_t		aggressive_notify;	/* how aggressive mode was refused; 0: no word */
	bool			searched, complete;	/* the search was asked for; it saw its end */
	uint32_t		tried, to_try;	/* transforms, of those that are known to be due */
	uint32_t		sent;		/* messages */
	uint64_t		waiting_ms;	/* the peer has fallen silent: asked again then; 0: no */
};

struct ike_survey;

struct ike_survey *ike_survey_new(const struct ike_survey_conf *conf, struct fault *f);
void ike_survey_free(struct ike_survey *s);	/* NULL is fine */

/* The first call begins. UINT64_MAX: over. */
void ike_survey_timeout(struct ike_survey *s, uint64_t now_ms, struct ike_outbox *out);
uint64_t ike_survey_deadline(const struct ike_survey *s);
void ike_survey_datagram(struct ike_survey *s, uint64_t now_ms, const struct endpoint *remote,
    struct span data, struct ike_outbox *out);
/* An ICMP error with errno ${sys}: patience becomes short. */
void ike_survey_unreachable(struct ike_survey *s, uint64_t now_ms,
    const struct endpoint *remote, int sys);

/* The initiator cookies to be served now, one by one: false after the last. */
bool ike_survey_cookie(const struct ike_survey *s, size_t i, uint8_t cky_i[COOKIE_LEN]);
bool ike_survey_over(const struct ike_survey *s);
const struct ike_survey_result *ike_survey_result(const struct ike_survey *s);

/* The first accepted transform that leads to message 4 of main mode; NULL: there is none. */
const struct probe_transform *ike_survey_leads_on(const struct ike_survey_result *r);

#define SURVEY_TEXT	256
/*
 * What the peer runs, as far as its vendor IDs tell: by one that names a product, or by which
 * there are in which order. ${evidence} says so in words. False: they don't tell.
 */
bool ike_survey_guess(const struct ike_survey_result *r, char name[SURVEY_TEXT],
    char evidence[SURVEY_TEXT]);

/*
 * The accepted transforms as a list for --ike, the strongest first, the weak ones only if there
 * are no others; "" if none. ${out} has room for SURVEY_IKE bytes.
 */
#define SURVEY_IKE	(PROPOSALS_MAX * PROPOSAL_TEXT)
char *ike_survey_proposals(char out[SURVEY_IKE], const struct ike_survey_result *r);

#endif
