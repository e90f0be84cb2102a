/*
 * Two IKE engines and a net made of arrays between them: delay, loss,
 * duplication and reordering by a seed, time only from the simulation.
 */
#ifndef SAPIPE_TESTS_SIM_H
#define SAPIPE_TESTS_SIM_H

#include "ike/ike.h"

#define SIM_PACKETS	1024
#define SIM_CHILDREN	320

struct sim_packet {
	bool		 used;
	int		 to;		/* 0: left, 1: right */
	uint64_t	 at_ms;
	struct endpoint	 from_end, to_end;	/* source and destination as the receiver sees them */
	uint8_t		*data;
	size_t		 len;
};

struct sim;

struct sim_end {
	struct ike_engine	*engine;
	struct rand_seed	 seed;
	int			 n_ike, n_child, n_failed, n_turned_away, n_keys, n_failed_sa, n_gone, n_sent, n_keepalives, n_notes, n_limits;
	struct sa_ike		 ike;		/* last record */
	/* Sees each record that is written. May be NULL. */
	void			(*recorded)(struct sim *, const struct sa_rec *);
	size_t			 n_children;	/* standing, by the records written */
	struct sa_child		 children[SIM_CHILDREN];
	uint64_t		 serial[SIM_CHILDREN];	/* of each: the order in which they came */
	uint64_t		 last_serial;
	struct fault		 why;		/* of the last failure */
	bool			 asks;		/* IKE_ASKS: the test has to answer, and clears it */
	uint8_t			 ask_id[16];
	uint32_t		 ask_mid;
	char			 notes[16384];
};

struct sim {
	struct now		 now;
	struct sim_end		 end[2];
	struct sim_packet	 net[SIM_PACKETS];
	uint64_t		 chance;	/* state of the generator */
	unsigned		 loss, dup, reorder;	/* percent */
	bool			 nat;		/* left is behind a NAT */
	uint16_t		 nat_shift;	/* its outer ports are this much above left's; another: a new mapping */
	bool			 cut;		/* nothing gets through */
	/* Looks at, changes or (returning false) drops a datagram on its way. May be NULL. */
	bool			(*tap)(struct sim *, int from, uint8_t *data, size_t len);
	void			*tap_arg;
};

extern const struct endpoint sim_left, sim_right;
extern const struct addr sim_natted;	/* left as right sees it through the NAT */

/* Policies are the caller's, one for each end. */
void sim_init(struct sim *s, struct ike_policy *left, struct ike_policy *right, uint64_t seed);
void sim_free(struct sim *s);
/*
 * Two ends that agree on everything: sim_policies() for ${ike} and ${esp}, 10.1.0.0/24 at left and 10.2.0.0/24
 * at right. Policies are the caller's, who may change them before the ends connect.
 */
void sim_pair_init(struct sim *s, struct ike_policy *left, struct ike_policy *right, const char *ike,
    const char *esp, uint64_t seed);
void sim_pair_free(struct sim *s, struct ike_policy *left, struct ike_policy *right);	/* wipes the policies too */
int sim_connect(struct sim *s, struct ike_policy *left, bool children, struct fault *f);
/* Runs until nothing is due before ${ms} have passed, or ${until} returns true (may be NULL). */
void sim_run(struct sim *s, uint64_t ms, bool (*until)(struct sim *));
/* Both ends hold the same keys, mirrored, for each child. */
bool sim_children_agree(const struct sim *s);
/*
 * Whether a packet of ${from} arrives: it goes through its newest child SA that can send, and the other end has
 * that SA. As esp-tun would do by the records.
 */
bool sim_passes(const struct sim *s, int from);
/* Hands what an engine wants done to the net. */
void sim_flush(struct sim *s, int side, struct ike_outbox *out);
struct ike_policy sim_policy(const char *psk, const char *local_id, const char *remote_id,
    const char *ike, const char *esp);
/* Those of two ends that know each other, left.example and right.example. */
void sim_policies(struct ike_policy *left, struct ike_policy *right, const char *ike,
    const char *esp);
/* The selectors of two ends: ${local} at left, ${remote} at right. */
void sim_networks(struct ike_policy *left, struct ike_policy *right, const char *local, const char *remote);

/* The question that ${side} was asked last is answered by ${a}; then ${ms} pass. False: there was none. */
bool sim_reply(struct sim *s, int side, const struct ike_answer *a, uint64_t ms);

#endif
