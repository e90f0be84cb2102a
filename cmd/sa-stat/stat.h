/* Declarations shared by the files of sa-stat. */
#ifndef SAPIPE_SA_STAT_H
#define SAPIPE_SA_STAT_H

#include "base/fault.h"
#include "base/span.h"
#include "sa/record.h"

/* One answer. SAs, or next hops, stay encoded: a struct sa_stat has room for 128 selectors. */
struct stat_report {
	struct sa_tun_stat	 tun;
	size_t			 n, cap;	/* SAs, and room for them in ${end} */
	size_t			*end;		/* of each in ${bytes} */
	uint8_t			*bytes;
	size_t			 len, room;
};

/* ask.c. Asks on the connection ${fd} for REPORT, RESET or NEXT_HOPS. 0, or -1 with a fault. */
int stat_ask(int fd, enum sa_event_kind what, struct stat_report *r, struct fault *f);
/* SA ${i} of ${r}, to ${s}. */
void stat_sa(const struct stat_report *r, size_t i, struct sa_stat *s);
/* Next hop ${i} of ${r}, to ${h}. */
void stat_hop(const struct stat_report *r, size_t i, struct sa_next_hop *h);
void stat_free(struct stat_report *r);

/* What passed between two reports. */
struct stat_rate { bool known; double in, out; };	/* bytes a second */

/* rate.c: the report before, by identity of SAs. All zero: there is none. */
struct stat_before {
	uint64_t	 at_ms;
	struct sa_tun_stat tun;
	size_t		 n;
	struct stat_key { uint64_t key, in, out; } *sas;	/* in order of ${key} */
};
/* Rates between ${b} and now, of the data path and of one SA. Unknown where a counter went back, or an SA is new. */
struct stat_rate stat_rate_tun(const struct stat_before *b, const struct sa_tun_stat *now, uint64_t now_ms);
struct stat_rate stat_rate_sa(const struct stat_before *b, const struct sa_stat *now, uint64_t now_ms);
/* Replaces ${b} by ${r}. 0, or -1: no memory, and there are no rates the next time. */
int stat_remember(struct stat_before *b, const struct stat_report *r, uint64_t now_ms);
void stat_forget(struct stat_before *b);

/* The output. Rates are printed once there is a report before. */
void text_report(const struct stat_report *r, const struct stat_before *b, uint64_t now_ms);
void json_report(const struct stat_report *r, const struct stat_before *b, uint64_t now_ms);
void prom_report(const struct stat_report *r);
/* ike.c: copies to standard output what the negotiator at ${fd} says. 0, or -1 with a fault. */
int ike_copy(int fd, struct fault *f);
/* The same of records, as they come, until the negotiator or the reader of standard output ends. */
int ike_follow(int fd, struct fault *f);
/* hops.c: the bindings of next hops. */
void hops_text(const struct stat_report *r);
void hops_json(const struct stat_report *r);

#endif
