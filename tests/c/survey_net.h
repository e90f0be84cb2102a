/* A survey and an engine in memory, with a NAT in front of either, both or none. */
#ifndef SAPIPE_TEST_SURVEY_NET_H
#define SAPIPE_TEST_SURVEY_NET_H

#include "probe/survey.h"
#include "sim.h"

#define LATENCY_MS	3

extern const struct endpoint survey_us, survey_us_outside, survey_peer;

struct net {
	struct ike_policy	 policy;
	struct ike_engine	*peer;
	struct rand_seed	 seed[2];
	struct ike_survey_conf	 conf;
	struct ike_survey	*survey;
	bool			 nat_us, nat_peer;
	bool			 mute[SURVEY_PORTS];
	size_t			 len_max;	/* what is longer gets lost; 0: nothing */
	size_t			 whole_max;	/* the same for what goes from the ports of ${conf.whole} */
	size_t			 half_open_max;	/* the peer ignores new negotiations beyond so many; 0: none */
	unsigned		 mute_first;	/* datagrams that get lost at the start */
	bool			 no_refusals;	/* the peer says nothing to what it does not take */
	struct now		 now;
	unsigned		 carried;
};

/* A peer that takes ${ike} in ${exchange}, and a survey to be configured further. */
void net_init(struct net *n, const char *ike, enum sa_exchange exchange);
void net_free(struct net *n);
/* The deadline of ${m} in ms; UINT64_MAX: nothing is due. */
uint64_t net_deadline_ms(struct ike_machine m);
/* When an answer arrives. */
struct now net_later(const struct net *n);
/* Until it is over, or ${ms} have passed. */
const struct ike_survey_result *net_run(struct net *n, uint64_t ms);

#endif
