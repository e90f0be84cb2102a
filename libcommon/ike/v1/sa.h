/*
 * An IKEv1 SA with its exchanges, and the child SAs that came of them. Private
 * to ike/: tools see the engine (ike/ike.h) and records alone.
 */
#ifndef SAPIPE_IKE_V1_SA_H
#define SAPIPE_IKE_V1_SA_H

#include "ike/heartbeat.h"
#include "ike/v1/exchange.h"
#include "ike/v1/keys.h"
#include "ike/v1/natd.h"
#include "ike/v1/sa_payload.h"

#define NONCE_MIN	8	/* bytes, RFC 2409 section 5 */
#define NONCE_MAX	256
#define NONCE_OWN	32
#define NATD_SEEN_MAX	16
#define V1_SEEN_MAX	16384	/* message IDs remembered: a question and its answer each 10 s for 22 hours */
#define V1_EXCHANGES_MAX	32	/* quick modes of one IKE SA, finished ones included */

/* What phase 1 needs until it is over. */
struct v1_phase1 {
	struct dh	*dh;
	struct bytes	 sai_b, sar_b;		/* bodies of the SA payloads */
	struct bytes	 gx_peer;		/* of the KE payload received */
	struct bytes	 ni_b, nr_b;
	struct bytes	 idii_b, idir_b;
	size_t		 n_natd;
	struct { uint8_t len, b[HASH_MAX]; } natd[NATD_SEEN_MAX];
	uint32_t	 natt_seen;		/* bit 1 << enum vid_kind of the peer's VIDs */
	bool		 has_keys;
	bool		 initial_contact;	/* the peer says so */
	bool		 is_rekey;		/* of another IKE SA of ours */
};

/* What quick mode needs until it is over. */
struct v1_quick {
	struct ike_policy	*policy;
	struct selector		 local_ts, remote_ts;
	struct p2_choice	 choice;
	uint8_t			 spi_in[4];
	struct bytes		 offer, reply;	/* bodies of the SA payloads, at the responder */
	struct dh		*dh;		/* with PFS */
	struct bytes		 gx_peer;
	struct bytes		 ni_b, nr_b;
	struct bytes		 idci, idcr;	/* bodies as received or sent */
	bool			 has_ids;
	uint8_t			 n_ids;		/* taken of the message in hand */
	const struct alg_group	*pfs;
	uint8_t			 replaces[4];	/* spi-in of the child to be rekeyed, or zero */
	uint64_t		 responder_seconds;	/* of a RESPONDER-LIFETIME notify, or 0 */
	uint64_t		 responder_kilobytes;
	struct v1_child		*child;		/* once its keys are made */
};

/* A child SA that stands (or that the peer may already use). */
struct v1_child {
	struct v1_child		*next;
	struct ike_policy	*policy;
	struct sa_rec		 rec;		/* SA_CHILD, with its keys */
	bool			 replaced;	/* a newer one carries its traffic */
	uint64_t		 soft_ms, hard_ms, delete_ms;	/* UINT64_MAX: never */
};

enum v1_state { V1_LARVAL, V1_UP, V1_DEAD };

struct v1_sa {
	struct v1_sa		*next;
	struct ike_engine	*engine;
	struct ike_policy	*policy;
	enum v1_state		 state;
	struct sa_rec		 rec;		/* SA_IKE: identities, keys, NAT-T, peer */
	struct ike_proposal	 proposal;	/* what was agreed on */
	const struct natt_version *natt;	/* NULL: none agreed on */
	bool			 floated;
	bool			 want_children;	/* bring up the policy's when it stands */
	bool			 replaced;	/* a successor stands */
	bool			 adopted;	/* came from a record */
	struct v1_exchange	*exchanges;	/* phase 1 and quick modes, newest first */
	struct endpoint		 from_local, from_remote;	/* of the datagram in hand */
	uint64_t		 soft_ms, hard_ms, delete_ms, keepalive_ms;
	uint64_t		 heard_ms;	/* last authentic message or traffic */
	/* Message IDs under which the peer has begun something: a second time is a replay. */
	struct { uint32_t *mid; size_t n, cap, at; } seen;
	struct {
		uint64_t	at_ms;		/* next action */
		uint32_t	tries;		/* unanswered so far */
		uint32_t	first;		/* number of the first of them */
		uint32_t	seq_in;		/* last R-U-THERE of the peer */
		bool		has_seq_in;
	} dpd;
	struct {
		uint32_t	own_ms;		/* between our hellos, as announced; 0: not announced */
		uint32_t	peer_ms;	/* between the peer's */
		uint32_t	seq_out, seq_in;	/* last numbers; 0: none */
		uint32_t	lost;		/* of the peer's, one after another */
		uint64_t	send_ms;	/* of the next hello; UINT64_MAX: never */
		uint64_t	late_ms;	/* when one more of the peer's is lost */
	} hb;
};

struct ike_engine {
	struct ike_conf		 conf;
	/* Called when an exchange is over, however it ended: v1_exchange_over(). */
	void			(*ended)(struct v1_exchange *, struct now, struct ike_outbox *);
	struct v1_sa		*sas;
	struct v1_child		*children;
	struct v1_conn		*conns;
};

/*
 * A connection that this end was told to make. What stands is compared with what is
 * wanted whenever something ended: that alone keeps a tunnel up (--keep).
 */
struct v1_conn {
	struct v1_conn		*next;
	struct ike_policy	*policy;
	struct endpoint		 local, remote;
	bool			 children;
	bool			 was_up;	/* else its first failure is the tool's to judge */
	uint64_t		 at_ms;		/* of the next look; UINT64_MAX: when woken */
	uint32_t		 tries;
};
#define V1_CONN_WAIT_MS		1000	/* before beginning anew; doubles ... */
#define V1_CONN_WAIT_MAX_MS	60000	/* ... up to this */
#define V1_DPD_RETRY_MS		3000	/* between unanswered R-U-THEREs */
#define V1_DELETE_AFTER_MS	4000	/* the replaced SA's last packets are through by then */

/*
 * The files of this folder, lowest first; each calls only those above it in this list.
 */

/* sa.c: an IKE SA, and what its exchanges share */
struct v1_sa *v1_sa_new(struct ike_engine *e, struct ike_policy *policy, enum sa_role role,
    const struct endpoint *local, const struct endpoint *remote);
void v1_sa_free(struct v1_sa *sa);		/* NULL is fine */
struct v1_sa *v1_sa_find(struct ike_engine *e, const uint8_t cky_i[8], const uint8_t cky_r[8]);
void v1_sa_id(const struct v1_sa *sa, uint8_t id[16]);
bool v1_same_peer(const struct v1_sa *a, const struct v1_sa *b);
bool v1_sa_natt_in_use(const struct v1_sa *sa);
uint8_t v1_proto_number(enum sa_proto proto);
void v1_sa_send(struct v1_sa *sa, struct span message, struct ike_outbox *out);
/* The peer has proven itself from where the last datagram came: that is where it is. */
void v1_sa_follow(struct v1_sa *sa, struct ike_outbox *out);
void v1_sa_heard(struct v1_sa *sa, struct now now);
/* IV of the first message under ${mid}, from phase 1's last block. */
int v1_sa_message_iv(const struct v1_sa *sa, uint32_t mid, uint8_t iv[BLOCK_MAX],
    struct fault *f);
/* Pads to whole blocks, sets flag and length, encrypts in place; ${iv} moves on. */
int v1_encrypt(const struct v1_sa *sa, uint8_t iv[BLOCK_MAX], struct isakmp_builder *b,
    struct fault *f);
/* Copies the message to ${buf} (at least as long) and decrypts it there. */
int v1_decrypt(const struct v1_sa *sa, uint8_t iv[BLOCK_MAX], const struct isakmp_hdr *h,
    struct span dgram, uint8_t *buf, struct fault *f);
struct v1_exchange *v1_sa_exchange(struct v1_sa *sa, uint32_t mid);
/* Whether either end has begun an exchange under ${mid} before; remembers that it has now. */
bool v1_sa_seen(const struct v1_sa *sa, uint32_t mid);
void v1_sa_saw(struct v1_sa *sa, uint32_t mid);
/* A random cookie that is not zero. */
int v1_cookie(struct ike_engine *e, uint8_t cookie[COOKIE_LEN], struct fault *f);
/* A point in time some way before the end of a life of ${seconds}, for a rekey. */
uint64_t v1_soft_ms(struct ike_engine *e, struct now now, uint64_t seconds);

/* peers.c */
/*
 * For a peer of which nothing is known but its address: a policy that names an
 * address goes before one for all. NULL: there is none.
 */
struct ike_policy *v1_policy_for_stranger(const struct ike_conf *conf, const struct addr *remote,
    enum sa_exchange exchange);
/* For a peer that calls itself ${id}: in main mode only with the secret that was used before
 * the identity was known. NULL: nobody expects it. */
struct ike_policy *v1_policy_for_id(const struct ike_conf *conf, const struct v1_sa *sa,
    const struct id *id);

/* conn.c */
struct v1_conn *v1_conn_new(struct ike_engine *e, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool children);
/* Something of ${policy}'s ended: have a look at its connections after ${wait_ms}. */
void v1_conn_wake(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    uint64_t wait_ms);
/* All is well with ${policy}'s connections. */
void v1_conn_settled(struct ike_engine *e, const struct ike_policy *policy);

/* child.c: the list of child SAs */
void v1_child_link(struct ike_engine *e, struct v1_child *c);
/* Unlinks (where it is linked), wipes, frees. */
void v1_child_free(struct ike_engine *e, struct v1_child *c);
bool v1_child_of(const struct v1_child *c, const struct v1_sa *sa);	/* of its peer */
bool v1_child_carries(const struct v1_child *c, const struct selector *local_ts,
    const struct selector *remote_ts);
/* The child of ${sa}'s peer that carries just these selectors and is not replaced. */
struct v1_child *v1_child_like(const struct v1_sa *sa, const struct selector *local_ts,
    const struct selector *remote_ts);
/* Arguments that are NULL are not looked at. */
struct v1_child *v1_child_find(struct ike_engine *e, const struct addr *remote,
    enum sa_proto proto, const uint8_t *spi_in, const uint8_t *spi_out);
/* The newest standing SA with the peer of ${c}; one that was not replaced before others. */
struct v1_sa *v1_child_sa(const struct ike_engine *e, const struct v1_child *c);

/* exchange.c: the runner, see exchange.h */

/* payload.c: payloads that mean the same in every exchange */
/* A fresh nonce of ours into ${own}; the body of the peer's, of legal length, into ${peers}. */
int v1_nonce_make(struct v1_exchange *x, struct bytes *own, struct fault *f);
int v1_nonce_take(struct bytes *peers, const struct isakmp_payload *pl, struct fault *f);
/* For payloads that are not sent, or may come and say nothing to us. */
int v1_put_nothing(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_nothing(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);

/* info.c: informational messages */
/* A notify under the SA's keys. ${spi} as the notify wants it. */
void v1_info_notify(struct v1_sa *sa, uint8_t proto, uint16_t type, struct span spi,
    struct span data, struct ike_outbox *out);
/* A notify in clear, from before there are keys. */
void v1_info_notify_clear(struct v1_sa *sa, uint16_t type, struct ike_outbox *out);
void v1_info_delete(struct v1_sa *sa, uint8_t proto, struct span spi, struct ike_outbox *out);
/* Decrypts a message into ${buf} (ISAKMP_MSG_MAX bytes) and checks its HASH(1), which is the
 * first of ${m}'s payloads. 0, or -1 if it does not prove to be the peer's. */
int v1_info_open(struct v1_sa *sa, const struct isakmp_hdr *h, struct span dgram, uint8_t *buf,
    struct isakmp_msg *m);
/* A fault for an error notify of the peer: what it means, said in words. */
void v1_notify_fault(struct fault *f, uint16_t type, const struct v1_exchange *x);

/* dpd.c */
/* Asks when it is time to. False: the peer has not answered and is dead. */
bool v1_dpd_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out);
/* R-U-THERE or R-U-THERE-ACK that proved to be the peer's. */
void v1_dpd_take(struct v1_sa *sa, const struct isakmp_notify *n, struct ike_outbox *out);
void v1_dpd_send(struct v1_sa *sa, uint16_t type, uint32_t seq, struct ike_outbox *out);
/* The number of an R-U-THERE or ACK; false if it is not about this SA. */
bool v1_dpd_number(const struct v1_sa *sa, const struct isakmp_notify *n, uint32_t *seq);
/* The first number to use at ${epoch_ms} (since 1970) when others may have used some. */
uint32_t v1_dpd_start(const struct sa_ike *s, uint64_t epoch_ms);

/* heartbeat.c: see ike/heartbeat.h */
/* The vendor ID that announces hellos at this interval, in ${buf}. */
struct span v1_heartbeat_vid(uint8_t buf[HEARTBEAT_VID_LEN], uint32_t interval_ms);
/* The interval of the vendor ID ${body}; 0: it is another one, or says nothing sensible. */
uint32_t v1_heartbeat_vid_ms(struct span body);
/* Hellos begin if both ends have announced them. */
void v1_heartbeat_start(struct v1_sa *sa, struct now now);
void v1_heartbeat_stop(struct v1_sa *sa);
/* Says hello and counts lost ones when it is time to. False: the peer is dead. */
bool v1_heartbeat_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out);
uint64_t v1_heartbeat_deadline(const struct v1_sa *sa);
void v1_heartbeat_send(struct v1_sa *sa, const struct ike_hello *h, struct ike_outbox *out);
/*
 * The hello that ${m}, whose HASH(1) is right, consists of; false: it is something else. A number of 0: it is
 * not the peer's but our own that has come back, or makes no sense.
 */
bool v1_heartbeat_get(const struct v1_sa *sa, const struct isakmp_msg *m, struct ike_hello *h);
/* Whether a hello's number is above ${than}, the last one's (0: there was none). */
bool v1_heartbeat_newer(uint32_t seq, uint32_t than);
/* False: it is a replay, and nothing has changed. */
bool v1_heartbeat_take(struct v1_sa *sa, struct now now, const struct ike_hello *h,
    struct ike_outbox *out);

/* phase1_natt.c: VID and NAT-D payloads of phase 1 */
int v1_put_vid(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_vid(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
int v1_put_natd(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_take_natd(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* Rows of the tables: the version that both speak, what its NAT-D payloads tell, and both. */
int v1_agree_natt(struct v1_exchange *x, struct ike_outbox *out, struct fault *f);
int v1_detect_nat(struct v1_exchange *x, struct ike_outbox *out, struct fault *f);
int v1_agree_and_detect_nat(struct v1_exchange *x, struct ike_outbox *out, struct fault *f);

/* phase1.c */
/* The first exchange of ${sa}, linked to it. NULL: no memory. */
struct v1_exchange *v1_phase1_new(struct v1_sa *sa, enum sa_role role, struct now now);
/* An SA that this end begins; its first message is in ${out}. NULL: see ${f}. */
struct v1_sa *v1_phase1_begin(struct ike_engine *e, struct now now,
    struct ike_policy *policy, const struct endpoint *local, const struct endpoint *remote,
    bool is_rekey, struct ike_outbox *out, struct fault *f);

/* quick_ts.c: IDci and IDcr */
int v1_quick_put_id(struct v1_exchange *x, struct isakmp_builder *b, struct fault *f);
int v1_quick_take_id(struct v1_exchange *x, const struct isakmp_payload *pl, struct fault *f);
/* The initiator's: what it will ask for, ${ci} its own side. */
int v1_quick_set_ids(struct v1_exchange *x, const struct selector *ci, const struct selector *cr,
    struct fault *f);
/* The responder's: what the peer asks for lies within what is configured. */
int v1_quick_check_ts(struct v1_exchange *x, struct fault *f);

/* quick_child.c */
/* Makes the child of ${x} with its keys and writes its record, to be used ${use}. */
int v1_quick_make_child(struct v1_exchange *x, enum sa_use use, struct ike_outbox *out,
    struct fault *f);

/* quick.c */
int v1_quick_no_memory(struct fault *f);	/* -1 with FAULT_MEMORY */
/* A quick mode that the peer begins, not linked. NULL: no memory. */
struct v1_exchange *v1_quick_new(struct v1_sa *sa, enum sa_role role, uint32_t mid,
    struct now now);
/* Begins quick mode for a pair of selectors; ${replaces} may be NULL. 0 or -1. */
int v1_quick_begin(struct v1_sa *sa, struct now now, struct ike_policy *policy,
    const struct selector *local_ts, const struct selector *remote_ts,
    const uint8_t *replaces, struct ike_outbox *out, struct fault *f);

/* child_life.c: what becomes of child SAs with time */
void v1_child_up(struct v1_exchange *x, struct v1_child *c, struct now now,
    struct ike_outbox *out);
/* Takes over a child SA; false: no memory. ${rec} stays the caller's. */
bool v1_child_adopt(struct ike_engine *e, struct ike_policy *policy, struct now now,
    const struct sa_rec *rec);
/* It is over: record, and a delete if the peer is to be told. Frees ${c}. */
void v1_child_end(struct ike_engine *e, struct v1_child *c, const char *reason, bool tell,
    struct ike_outbox *out);
/* The peer deleted it. */
void v1_child_lost(struct v1_sa *sa, struct v1_child *c, struct now now,
    struct ike_outbox *out);
void v1_child_timeout(struct ike_engine *e, struct v1_child *c, struct now now,
    struct ike_outbox *out);
uint64_t v1_child_deadline(const struct v1_child *c);
void v1_child_rekey(struct ike_engine *e, struct v1_child *c, struct now now,
    struct ike_outbox *out);

/* life.c: what becomes of IKE SAs with time, and of exchanges that are over */
/* Sets the timers of an SA that stands, with ${seconds} of life left. */
void v1_sa_timers(struct v1_sa *sa, struct now now, uint64_t seconds);
void v1_exchange_over(struct v1_exchange *x, struct now now, struct ike_outbox *out);
/* The SA is over: record, verdict; ${tell} the peer with a delete. */
void v1_sa_end(struct v1_sa *sa, struct now now, const char *reason, bool tell,
    struct ike_outbox *out);
void v1_sa_timeout(struct v1_sa *sa, struct now now, struct ike_outbox *out);
uint64_t v1_sa_deadline(const struct v1_sa *sa);
/* Begins a quick mode for each pair of the policy's selectors that no child carries. */
void v1_sa_want_children(struct v1_sa *sa, struct now now, struct ike_outbox *out);

/* inform.c: what the peer's informational messages bring about */
void v1_inform(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h,
    struct span dgram, struct ike_outbox *out);

/* engine.c: see ike/ike.h */

#endif
