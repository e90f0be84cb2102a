/*
 * The IKE engine: all IKE SAs of one process, in both roles, without I/O.
 * Datagrams, the time and commands go in; actions come out in an outbox,
 * in order. The clock is an argument, the random source a parameter, so that
 * an engine runs in a test, under a fuzzer, or over a lossy net made of arrays.
 */
#ifndef SAPIPE_IKE_IKE_H
#define SAPIPE_IKE_IKE_H

#include "base/now.h"
#include "crypto/crypto.h"
#include "ike/answer.h"
#include "ike/machine.h"
#include "ike/outbox.h"
#include "ike/policy.h"

struct ike_conf {
	/* Policies in order of preference; they outlive the engine. */
	struct ike_policy	*policies;
	size_t			 n_policies;
	/*
	 * Policies of groups of XAuth's users, by name: selectors, pools and what else clients get. With one at least, a user of
	 * another group is rejected. A user without a group has the peer's policy.
	 */
	struct ike_policy	*groups;
	size_t			 n_groups;
	struct rand		 rand;
	bool			 respond;	/* accept SAs that peers initiate */
	bool			 keep;		/* rekey, answer, probe; reconnect */
	bool			 others;	/* other tools of this host may have SAs with the peers */
	bool			 one_peer;	/* nothing needs to name the peer */
	bool			 show_keys;	/* of IKE SAs that are not established (yet), too */
	bool			 borrowed;	/* adopted IKE SAs are another's: never deleted here */
	/*
	 * Half-open exchanges that peers began: of peers that have not sent our cookie back, and as many of those
	 * that have. 0: the default. The oldest makes room for the next.
	 */
	uint32_t		 half_open_max;
	uint32_t		 half_open_per_addr;	/* of an address that has sent our cookie back */
	/* Our port of Cisco's TCP encapsulation: an SA that begins there is without NAT-T. 0: none. */
	uint16_t		 tcp_port;
	uint32_t		 linger_ms;	/* how long finished exchanges answer duplicates */
};
#define HALF_OPEN_MAX_DEFAULT		5000	/* some 3.5 kB each */
#define HALF_OPEN_PER_ADDR_DEFAULT	20

struct ike_engine;

struct ike_engine *ike_engine_new(const struct ike_conf *conf, struct fault *f);
void ike_engine_free(struct ike_engine *e);	/* wipes; sends nothing */

/* Handles a datagram of IKE, without a marker. Never fails: errors are noted. */
void ike_engine_datagram(struct ike_engine *e, struct now now,
    const struct endpoint *local, const struct endpoint *remote, struct span data,
    struct ike_outbox *out);

/* Runs the timers that are due at ${now}. Returns when the next one is due, UINT64_MAX for never. */
void ike_engine_timeout(struct ike_engine *e, struct now now, struct ike_outbox *out);
uint64_t ike_engine_deadline(const struct ike_engine *e);

/*
 * Begins phase 1 with ${remote} under ${policy}, one of the engine's, and then a quick
 * mode for each pair of selectors if ${children}. The outcome comes as verdicts.
 * The cookies' first half is in ${id} (which may be NULL). 0 or -1.
 */
int ike_engine_connect(struct ike_engine *e, struct now now, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool children,
    uint8_t id[8], struct ike_outbox *out, struct fault *f);

/*
 * The next phase 1 of ${policy}'s connection is with ${remote}, from ${local}: one of them was looked up again. With
 * ${begin} it begins now. 0 or -1.
 */
int ike_engine_redirect(struct ike_engine *e, struct now now, const struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, bool begin, struct ike_outbox *out,
    struct fault *f);

/*
 * Wants an IKE SA and child SAs with ${remote}, from ${local}, under ${policy}, one of the engine's that has no connection: begins
 * to negotiate, and keeps trying, with pauses. While the peer has, or negotiates, an SA that it began itself, whichever its policy,
 * this end begins none. 0, or -1: no memory.
 */
int ike_engine_want(struct ike_engine *e, struct now now, struct ike_policy *policy,
    const struct endpoint *local, const struct endpoint *remote, struct ike_outbox *out, struct fault *f);
/*
 * Ends that connection, with deletes for all SAs under ${policy} and for all others with the peer's address. Nothing refers to
 * ${policy} after that.
 */
void ike_engine_unwant(struct ike_engine *e, struct now now, const struct ike_policy *policy, struct ike_outbox *out);
/* Whether an established IKE SA shows that this end is behind a NAT, at its address ${local}. */
bool ike_engine_behind_nat(const struct ike_engine *e, const struct addr *local);
/* Whether there is a child SA with ${remote}. */
bool ike_engine_has_child(const struct ike_engine *e, const struct addr *remote);

/*
 * Where the gateway of ${policy}'s connection redirected this client, as the fault of IKE_FAILED with CAUSE_REDIRECT says.
 * The tool looks for a way there, and calls ike_engine_redirect().
 */
bool ike_engine_elsewhere(const struct ike_engine *e, const struct ike_policy *policy, struct endpoint *to);

/* Adopts an IKE SA or a child SA from its record. 0 or -1. */
int ike_engine_adopt(struct ike_engine *e, struct now now, const struct sa_rec *rec,
    struct ike_policy *policy, struct fault *f);

/*
 * A gateway that shares its address with another one: until ike_engine_take_over() the engine answers nobody. The caller
 * adopts the SAs of the other gateway just before the takeover. Then the engine answers, and rekeys the child SAs at
 * once, the IKE SAs just after: nobody knows which numbers the other gateway has received, nor which IKE SA the peer uses.
 */
void ike_engine_standby(struct ike_engine *e);
void ike_engine_take_over(struct ike_engine *e, struct now now);

/* A quick mode for each pair of ${policy}'s selectors under the IKE SA ${id}. */
int ike_engine_children(struct ike_engine *e, struct now now, const uint8_t id[16],
    struct ike_outbox *out, struct fault *f);

/*
 * The answer to the question of IKE_ASKS for the exchange ${mid} of the IKE SA ${id}. False: the exchange
 * does not wait for an answer, or no longer does.
 */
bool ike_engine_answer(struct ike_engine *e, struct now now, const uint8_t id[16], uint32_t mid,
    const struct ike_answer *answer, struct ike_outbox *out);

/* The question behind IKE_ASKS, where it is a login; false: it is another, or none is open. */
bool ike_engine_question(struct ike_engine *e, const uint8_t id[16], uint32_t mid, struct ike_question *q);

/*
 * The inner addresses that this end, the gateway, gave to the client of the IKE SA ${id}; family 0: none. False: there is no
 * such IKE SA.
 */
bool ike_engine_inner(struct ike_engine *e, const uint8_t id[16], struct addr *a4, struct addr *a6);

/* Whether this end has, or negotiates, an SA with a peer at ${remote}. */
bool ike_engine_has_peer(const struct ike_engine *e, const struct addr *remote);
/* Whether other tools of this host have: see ike_conf.others. */
void ike_engine_set_others(struct ike_engine *e, bool others);

/* Sends deletes for the child SAs, which stay here: the peer is not to send through them. */
void ike_engine_retract(struct ike_engine *e, struct ike_outbox *out);

/* Sends deletes for all SAs and writes sa-delete records; the engine is then empty. */
void ike_engine_shutdown(struct ike_engine *e, struct now now, struct ike_outbox *out);

/* An event from the data path: "remap", "soft", "hard", "traffic". */
void ike_engine_event(struct ike_engine *e, struct now now, const struct sa_event *ev,
    struct ike_outbox *out);

/* The port became unreachable, ${sys} (errno) says why: only a hint for error messages. */
void ike_engine_unreachable(struct ike_engine *e, struct now now,
    const struct endpoint *remote, int sys, struct ike_outbox *out);

/* Its configuration, as it is now: valid until the policies are replaced. */
const struct ike_conf *ike_engine_conf(const struct ike_engine *e);

/* The engine as a machine that a host runs. */
struct ike_machine ike_engine_machine(struct ike_engine *e);

/* Hands the cookies of each of the engine's IKE SAs to ${each}, for port sharing. */
void ike_engine_ids(const struct ike_engine *e, void (*each)(void *ctx, const uint8_t id[16]),
    void *ctx);
/* A number that changes only when those cookies change: cheap enough for every datagram. */
uint64_t ike_engine_ids_mark(const struct ike_engine *e);
/* Child SAs that the newest established IKE SA of ${policy} has or begins to negotiate; 0: there is no such SA. */
size_t ike_engine_count_wanted(const struct ike_engine *e, const struct ike_policy *policy);
/* Established IKE SAs and child SAs; exchanges in progress, half-open ones included. For tests and fuzz drivers. */
size_t ike_engine_count_ike(const struct ike_engine *e);
size_t ike_engine_count_children(const struct ike_engine *e);
size_t ike_engine_count_running(const struct ike_engine *e);

#endif
