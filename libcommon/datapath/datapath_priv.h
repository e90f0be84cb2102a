/* Declarations shared by the files of the data path. */
#ifndef SAPIPE_DATAPATH_DATAPATH_PRIV_H
#define SAPIPE_DATAPATH_DATAPATH_PRIV_H

#include <ev.h>

#include "base/biglock.h"
#include "esp/flow.h"
#include "claim/claim_keeper.h"
#include "os/clock.h"
#include "datapath/datapath.h"
#include "esp/pmtu.h"
#include "datapath/worker.h"
#include "nhtb/nhtb.h"
#include "port/port.h"
#include "os/pathmtu.h"
#include "os/rawesp.h"
#include "capture/recorder.h"
#include "net/route.h"
#include "net/tun.h"

#define JOINED_BYTES	65507		/* the longest datagram of UDP */
#define HELD_MAX	4096		/* packets of unknown SPIs that wait for an SA whose record is here */
#define HELD_BYTES	(8 * 1024 * 1024)
#define HELD_STRANGERS	64		/* ... or for a record, which may never come */
#define HELD_STRANGERS_BYTES (256 * 1024)
#define HELD_MS		250		/* for these */
#define IKES_MAX	4096		/* IKE SAs of which we know whether the peer is behind a NAT */

/* A copy of a packet that waits for its SA. */
struct held {
	struct pkt	 k;		/* its buffer is its own */
	uint64_t	 until_ms;
	bool		 goes;		/* within dp_held_retry() */
};

struct ike_seen { uint8_t spis[16]; bool remote_nat; };

/* Packets that wait for a new SA, see datapath_wait.c. */
struct dp_wait {
	struct dp_waiting *first, *last;
	size_t		 n, bytes;
	uint64_t	 until_ms;	/* of the one that is tried now; 0: none is */
	uint64_t	 age;		/* of the SAs when they were tried, see sadb_age() */
};

/* Additional state of a pair of SAs: its claim, and when its traffic was last reported. */
/* Which numbers of an outbound SA this gateway may use: all; those of its takeover, esp_sa_range(); none any more. */
enum dp_range { DP_RANGE_ALL, DP_RANGE_OWN, DP_RANGE_NONE };

struct own {
	uint32_t	 id;			/* with the keeper */
	bool		 asked_out, asked_in;	/* for more numbers */
	bool		 settled;
	bool		 leapt;			/* numbers may have been received before the start, and none since */
	bool		 routed;		/* the source addresses of its routes were looked up once */
	bool		 led;			/* its routes are with the router */
	uint8_t		 takeovers;		/* of its record, see esp_sa_range(); 255: so many or more */
	uint8_t		 range;			/* the numbers that are this gateway's: enum dp_range */
	uint32_t	 link_mtu;		/* its longest inner packet by the MTU of our link alone; 0: not known */
	uint32_t	 counted;	/* what it allowed the device when that was computed; 0: not counted */
	uint32_t	 path_mtu;		/* of the outer path, which its longest inner packet follows from; 0: not known */
	/* Low bits, which tell whether there were more since: the looks are seconds apart, not 2^32 packets. */
	uint32_t	 tick_right;		/* right edge at the last look */
	uint32_t	 used_packets;		/* outbound, at the last call of calls.used */
	uint32_t	 told_packets;		/* inbound, when its traffic was last reported */
	uint32_t	 seen_in, seen_out;	/* packets at the last look, see dp_stat_seen() */
	struct addr	 peer;			/* as in dp->peers */
	uint64_t	 out_end, in_end;	/* numbers below are reserved */
	uint64_t	 last_in_ms, last_out_ms;	/* when packets were seen to have come and gone; 0: never */
	struct table_node by_spi_out;
	struct dp_zero	*zero;			/* the counters at the last reset; NULL: there was none */
	struct nhtb_node *hop;			/* in the table of next hops; NULL: it is not */
};

/* The addresses of the peers, sorted; each as often as it has SAs. */
struct dp_peers { struct addr *list; size_t n, cap; };

/* A record that waits: for its own claim, or for one before it. */
struct turn {
	struct turn	*next;
	struct sa_rec	 rec;
	uint32_t	 source;
	uint64_t	 off;
	uint32_t	 id;			/* with the keeper */
	bool		 asked, answered, taken;
	struct keeper_answer answer;
};

/* Next hops, see datapath_hop.c. */
struct hops {
	struct nhtb	*table;
	struct routewatch watch;
	ev_io		 events, answers;
	ev_timer	 again;
	bool		 open;		/* ${watch} */
	bool		 many;		/* that routes are ignored was reported */
	uint64_t	 changes;	/* of routes so far */
	uint64_t	 asked_ms, free_ms;	/* the last request; none before */
	struct route	*more;		/* of datapath_routes() */
	size_t		 n_more;
};

#define DP_NHRP		54		/* IP protocol, see datapath_opt.nhrp */

/* MTUs of paths that were looked up in the same pass. */
/* datapath_threads.c */
struct dp_thread {
	struct worker	 worker;
	pthread_t	 id;
	bool		 runs;
};

struct dp_thread_calls {
	void	(*held)(struct datapath *dp);		/* dp_held_look() */
	void	(*late)(struct datapath *dp);		/* dp_toobig_late() */
	bool	(*turn)(struct datapath *dp);		/* dp_tun_turn() */
	coalesce_put_fn *put;				/* dp_put() */
};

struct dp_threads {
	struct dp_thread_calls calls;
	bool		 on;		/* else the main thread runs both loops */
	struct biglock	 lock;
	struct dp_thread packets, sender;
	ev_async	 look;		/* of dp->fast: at ${stop} and calls.held, and at its watchers */
	ev_async	 stir;		/* of dp->loop: at its watchers, and at what other threads have left to the main one */
	ev_embed	 embedded;	/* these run dp->fast in the main thread */
	ev_timer	 embedded_timer;
	int		 wake;		/* an eventfd: the sender looks at ${stop} */
	bool		 stop;
	bool		 stirred;	/* in this batch: ${stir} is due */
	bool		 drained_now;	/* nobody waits for the main thread to read its records */
	uint64_t	 drained, drained_ms;	/* dp->records after that, the last time, and when it was */
	struct fault	 broken;	/* for calls.broken; FAULT_NONE: nothing is */
};

#define PATHS	1024
struct path { struct addr remote; size_t mtu; uint64_t pass; };	/* ${mtu}: of our link to it */

struct datapath {
	struct ev_loop	*loop;		/* of the main thread */
	struct ev_loop	*fast;		/* of packets: the device, the raw sockets, the ports */
	struct datapath_opt opt;
	struct datapath_calls calls;
	void		*ctx;
	struct clock	 clock;
	struct sadb	*db;
	struct tun	 tun;
	struct rawesp	 raw;
	struct fault	 no_raw;	/* why there are no raw sockets; FAULT_NONE: there are */
	struct ports	*ports;
	struct wire	*wire;		/* the record of outer packets; NULL: none */
	struct keeper	 keeper;
	struct turn	*turns, **last_turn;
	size_t		 n_turns;
	struct turn	*turn_room;	/* for DATAPATH_TURNS, of which ${n_taken} are taken; NULL: none is */
	size_t		 n_taken;
	bool		 id_used[KEEPER_CLAIMS];
	struct esp_pair	*by_id[KEEPER_CLAIMS];
	uint32_t	 next_id;
	struct router	 router;
	bool		 routes_whole;	/* more has changed than that SAs came and went */
	uint64_t	 routes_serial;	/* of the newest pair whose routes were added */
	struct dp_peers	 peers;
	struct dp_peers	 gre_peers;	/* those that calls.peer was told of; each once */
	struct dp_gone	*routes_gone;
	size_t		 n_covers;	/* routes that cover a peer, when all were looked at */
	struct lans	*lans;		/* datapath_lan.c; NULL: none yet */
	ev_io		 keeper_io, tun_io, raw_io[RAWESP_SOCKETS];
	ev_timer	 tick, held_timer, device_timer, paths_timer;
	struct worker	 worker;	/* of the main thread */
	struct dp_threads threads;
	struct hops	 hops;
	struct dp_hub	*hub;		/* NULL: packets from one tunnel to another go through the kernel */
	size_t		 mtu;		/* that the device has now */
	size_t		 super;		/* ... and the longest super-packet; 0: no limit was set */
	uint64_t	 mtu_ms;	/* when paths were last looked at; 0: look again */
	uint64_t	 mtu_serial;	/* of the newest pair whose path was looked at */
	size_t		 path_at;	/* the pair whose path is looked at next */
	size_t		 n_least, n_v6;	/* how many of these pairs allow ${least}, and carry IPv6 */
	size_t		 least, floor;	/* of these pairs: the shortest inner packet, and what the families need; 0: none yet */
	bool		 input_over;	/* see datapath_input_over() */
	bool		 mtu_whole;	/* a pair has gone or changed since */
	bool		 several_peers;	/* else all outbound SAs go to ${peer}, as of then */
	struct addr	 peer;
	struct path	 paths[PATHS];
	struct path_asker asker;
	uint64_t	 pass;
	size_t		 link_mtu;	/* the latest that router_path_mtu() has found since all paths were looked at; 0: none */
	struct pmtu	 path_mtus;
	struct table	 by_spi_out;	/* of struct own; its pair is by_id[own->id] */
	struct dp_probe	*probe;		/* NULL: no --mtu-probe */
	bool		 draining, up;
	uint64_t	 records;	/* that came */
	struct dp_toobig_late *toobigs;	/* for the main thread, see dp_toobig() */
	size_t		 n_toobigs;
	bool		 no_v6;		/* that --mtu is too small for IPv6 was reported */
	bool		 barred;	/* that a filter drops what we send was reported */
	const char	*why_down;	/* why SAs end just now, for calls.state; NULL: not known */
	bool		 device_due;	/* SAs were added or removed since the device was configured */
	struct dp_wait	 wait;
	struct held	 held[HELD_MAX];
	size_t		 n_held, held_bytes;
	uint64_t	 held_age;	/* of the SAs when held packets were last looked at, see sadb_age() */
	struct ike_seen	*ikes;
	size_t		 n_ikes, next_ike;
	uint64_t	 ever;
	uint64_t	 remaps;
	struct dp_zero	*zero;		/* the counters at the last reset; NULL: there was none */
	uint64_t	 since;		/* epoch seconds: from when they count */
	size_t		 traffic_at;	/* the pair that the next report of traffic begins with */
	uint8_t		 traffic[SA_TRAFFIC_MAX * SA_TRAFFIC_LEN];
};

/* That of the calling thread. */
static inline struct worker *
dp_worker(struct datapath *dp)
{
	return (worker_mine != NULL ? worker_mine : &dp->worker);
}

/* datapath_threads.c */
/* The loop of packets, which the main thread runs until datapath_start(). 0, or -1 with FAULT_SYSTEM. */
int dp_threads_open(struct datapath *dp, const struct dp_thread_calls *calls, struct fault *f);
void dp_threads_stop(struct datapath *dp);	/* waits for their ends */
void dp_threads_close(struct datapath *dp);	/* and the loop of packets; harmless if it was not opened */
/* Watchers of dp->loop were changed, or something was left for the main thread, which looks after this batch. */
void dp_stir(struct datapath *dp);
/* The thread of packets looks at its watchers, and at held packets. The second one: if the ports have changed theirs. */
void dp_stir_packets(struct datapath *dp);
void dp_stir_ports(struct datapath *dp);
/* Calls calls.broken, in the main thread. */
void dp_broken(struct datapath *dp, const struct fault *f);
/*
 * Obeys the records that are there already, before packets whose SPI is not known: SAs may come and go. Other threads than the main
 * one wait for it, outside of a batch. Not soon again if there were none.
 */
void dp_drain(struct datapath *dp);

/* datapath_report.c */
void dp_note(struct datapath *dp, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void dp_warn(struct datapath *dp, const struct fault *f);
/* To the negotiator, over the ports shared with it. */
void dp_event(struct datapath *dp, const struct esp_pair *pair, enum sa_event_kind what);
/* The same for any event: fills in time, source and SPI. */
void dp_event_send(struct datapath *dp, struct sa_rec *r, const uint8_t spi_in[4]);

/* One of the SAs in a report of traffic; sends the report of ${n} in dp->traffic. */
void dp_traffic_put(uint8_t p[SA_TRAFFIC_LEN], const struct esp_pair *pair);
void dp_traffic_send(struct datapath *dp, size_t n);

/* datapath_stat.c: counters as records. */
/* The counters of all workers. */
struct tally dp_tally(const struct datapath *dp);
void dp_stat_sa(const struct datapath *dp, struct esp_pair *pair, struct sa_stat *s);
void dp_stat_tun(const struct datapath *dp, struct sa_tun_stat *s);
/* Notices that packets have come or gone: call it now and then, for the time of the last one. ${pair} has a claim. */
void dp_stat_seen(struct esp_pair *pair, uint64_t now_ms);
/* The counters begin at zero; without memory they go on. */
void dp_stat_reset_sa(struct esp_pair *pair);
void dp_stat_reset_tun(struct datapath *dp);

/* datapath_rec.c */
void dp_turns_free(struct datapath *dp);
/* The keeper has answered: applies the records that have their claims now. */
void dp_keeper_ready(struct ev_loop *loop, ev_io *w, int revents);
void dp_device_over(struct ev_loop *loop, ev_timer *w, int revents);

/* datapath_peer.c */
/* Calls calls.peer for peers that have been removed since the last time and, if ${added}, for those that have been added. */
void dp_gre_peers(struct datapath *dp, bool added);

/* datapath_claim.c */
int dp_reserve_out(void *ctx, struct esp_sa *sa, uint64_t seq);
int dp_reserve_in(void *ctx, struct esp_sa *sa, uint64_t seq);
void dp_settle(struct datapath *dp);
/* Whether a record of an SA that receives ESP or AH (${protocol}) with ${spi} at ${local} waits for its claim. */
bool dp_awaited(const struct datapath *dp, enum sa_proto protocol, const uint8_t spi[4], const struct addr *local);
/* Requests the claim of ${c}; the answer has the id ${id}. 0, or -1 with a fault. */
int dp_claim_begin(struct datapath *dp, const struct sa_child *c, uint32_t *id, struct fault *f);
/* Gives a claim back that no SA came to own. */
void dp_claim_back(struct datapath *dp, const struct keeper_answer *a);
/* Gives an SA its claim, which it then owns; and releases that. */
int dp_claim_tie(struct datapath *dp, struct esp_pair *pair, const struct sa_child *c, const struct keeper_answer *a,
    struct fault *f);
/* The record ${c} of ${pair}, which is known, came again: another gateway may have taken the SA over. */
void dp_claim_again(struct datapath *dp, struct esp_pair *pair, const struct sa_child *c);
void dp_claim_end(struct datapath *dp, struct esp_pair *pair);
/* Reads what the keeper has answered, and stores each answer with its SA or its record. 0, or -1: the keeper is gone. */
int dp_keeper_answers(struct datapath *dp, struct fault *f);

/* datapath_out.c */
void dp_tun_ready(struct ev_loop *loop, ev_io *io, int revents);
/* Reads packets from the device and sends them. False: the device is gone, which was reported. */
bool dp_tun_turn(struct datapath *dp);

/* A packet, as one from the device; it goes with dp_out_flush(), in the same turn. */
void dp_out(struct datapath *dp, struct pkt *k);
void dp_out_flush(struct datapath *dp);
/*
 * The same, at once, for a packet that shows what the path carries: nobody may fragment it, and the MTU of its SA is no
 * limit. False: it was not sent, or not whole.
 */
bool dp_out_probe(struct datapath *dp, struct pkt *k);

/* Sends packets that waited for a new SA and have one now, drops those that have waited too long, or ${all}. Not within a batch. */
void dp_out_retry(struct datapath *dp, bool all);

/* datapath_wait.c */
/* Keeps a copy of ${k}, whose SA may send no more, until there is another one. False: there is no room, or no hope. */
bool dp_wait(struct datapath *dp, const struct pkt *k);
/* SAs have changed since the last dp_wait_each(). */
bool dp_wait_due(const struct datapath *dp);
/*
 * Takes out, in order, those for which ${has_sa} is true, and those that have waited long enough (${over}), or ${all}. ${go} may call
 * dp_wait(), and nothing else of these. Nothing happens where SAs have not changed and none has waited long enough.
 */
void dp_wait_each(struct datapath *dp, bool all, bool (*has_sa)(struct datapath *dp, const struct pkt *k),
    void (*go)(struct datapath *dp, struct pkt *k, bool over));

/* datapath_hub.c: see --hub. */
int dp_hub_open(struct datapath *dp, struct fault *f);
void dp_hub_close(struct datapath *dp);
/* Sends ${k}, which came out of a tunnel, into another one. False: the device gets it; it is not changed. */
bool dp_hub(struct datapath *dp, struct pkt *k, const struct inner *in);

/* datapath_in.c */
void dp_put(void *ctx, struct pkt *const *k, size_t n, size_t head);
void dp_raw_ready(struct ev_loop *loop, ev_io *io, int revents);
void dp_udp(void *ctx, struct pkt *d, size_t n);
/*
 * The peer's NAT has assigned another mapping, ${remote}: all SAs to this peer use it. False: nothing changed, or
 * there is no NAT in front of the peer.
 */
bool dp_follow(struct datapath *dp, struct esp_pair *pair, const struct endpoint *remote);
/* Handles held packets that have an SA now; with ${all} counts and drops the others. In the thread that runs dp->fast. */
void dp_held_retry(struct datapath *dp, bool all);
/* The same where SAs have changed: before each batch, so that newer packets do not overtake held ones. */
void dp_held_look(struct datapath *dp);
/* SAs have come: dp_held_look(), also where no batch comes. */
void dp_held_soon(struct datapath *dp);

/* datapath_wire.c: the record of outer packets; without one these do nothing. */
/* ${fd}: the recorder. 0, or -1 with a fault of its file; a full disk is only reported. */
int dp_wire_open(struct datapath *dp, int fd, struct fault *f);
void dp_wire_close(struct datapath *dp);
/* False if there is none. */
bool dp_wire_counts(const struct datapath *dp, uint64_t *sent, uint64_t *lost);
void dp_wire_sent(struct datapath *dp, struct pkt *k, size_t n);
/* Before ${n} packets are opened in place; and the results of packets ${from} .. ${to} - 1. */
void dp_wire_copy(struct datapath *dp, struct pkt *k, size_t n);
void dp_wire_received(struct datapath *dp, const struct pkt *k, size_t from, size_t to, bool but_unknown);

/* datapath_pmtu.c */
#define DP_ERRORS	64	/* ICMP errors handled in one turn */
/* ${pair} has got its claim (0, or -1: no memory), and loses it. */
int dp_pmtu_add(struct datapath *dp, struct esp_pair *pair);
void dp_pmtu_remove(struct datapath *dp, struct own *own);
/*
 * An ICMP error that quotes ${quote}, ESP or AH, of a packet to ${remote}, for which it was too big. See pmtu.h. The main thread, which
 * asks the kernel for MTUs, handles those that another one has received with dp_toobig_late().
 */
void dp_toobig_late(struct datapath *dp);
void dp_toobig(struct datapath *dp, enum sa_proto protocol, const struct addr *remote, uint32_t mtu, struct span quote);
void dp_raw_errors(struct datapath *dp, enum rawesp_which which);
/* The path MTU to ${remote} is another one: computes the MTUs that follow from it. */
void dp_path_changed(struct datapath *dp, const struct addr *remote);

/* datapath_probe.c: see --mtu-probe; without it there is no dp->probe. */
int dp_probe_open(struct datapath *dp, struct fault *f);
void dp_probe_close(struct datapath *dp);
/* A packet ${k} came out of the tunnel: perhaps an answer. */
void dp_probe_seen(struct datapath *dp, const struct pkt *k, const struct inner *in);

/* datapath_port.c */
/*
 * SA ${c} is not in use because of ${f}: the negotiator deletes it. Not where it may be in use all the same, in
 * another process, or is a record of the past.
 */
void dp_refused(struct datapath *dp, const struct sa_child *c, const struct fault *f);
/* What the port of SA ${c}, which has one, is for. */
enum port_role dp_port_role(const struct sa_child *c);
/* Joins the ports of the negotiator of SA ${c}, at the first call. 0, or -1 with a fault. */
int dp_ports_join(struct datapath *dp, const struct sa_child *c, struct fault *f);
/*
 * Opens or joins the ports that SA ${c} needs, and the ports of the negotiator. 0, or -1 if
 * packets of ${c} could not be received.
 */
int dp_ports(struct datapath *dp, const struct sa_child *c, struct fault *f);

/* datapath_lan.c */
/* Remembers the networks that the gateway of ${s}, from stream ${source}, excludes. */
void dp_lan_set(struct datapath *dp, const struct sa_ike *s, uint32_t source);
/* The holes in ${r}, a route of ${pair}, in ${out}, SA_NETS_MAX at most; if there are some, ${r} covers them. Returns their number. */
size_t dp_lan_holes(const struct datapath *dp, const struct esp_pair *pair, struct route *r, struct route *out);
void dp_lan_free(struct datapath *dp);

/* datapath_hop.c: next-hop tunnel binding. */
int dp_hop_open(struct datapath *dp, struct fault *f);	/* before there is a table of SAs */
int dp_hop_watch(struct datapath *dp, struct fault *f);	/* the routes, of the open device; without it there are none */
void dp_hop_close(struct datapath *dp);		/* all SAs are gone */
void dp_hop_tick(struct datapath *dp, uint64_t now_ms);
/* Enters ${pair}, made of ${c}, or enters it again; takes out the SA of ${own}. */
void dp_hop_add(struct datapath *dp, struct esp_pair *pair, const struct sa_child *c);
/*
 * Multicast on a device that several peers share, each with selectors of all addresses: a copy of ${k} to each of them, by
 * ${send}. False: it is no such packet.
 */
bool dp_hop_copies(struct datapath *dp, struct pkt *k, void (*send)(struct datapath *dp, struct pkt *k));
/* The first binding behind ${*serial}, which is moved on. False: there is no more. */
bool dp_hop_stat(const struct datapath *dp, uint64_t *serial, struct sa_next_hop *s);
void dp_hop_remove(struct datapath *dp, struct own *own);

/* datapath_route.c */
/* Makes the routes of the present SAs. */
void dp_routes(struct datapath *dp);
/* ${pair}, which has its claim, ends: the next dp_routes() removes its routes. */
void dp_routes_gone(struct datapath *dp, struct esp_pair *pair);
void dp_routes_free(struct datapath *dp);

/* datapath_dev.c */
/* Configures MTU, addresses and routes for the present SAs. */
void dp_device(struct datapath *dp);
/* The path MTU to ${remote} as it is known; in ${link}, if not NULL, that of our link alone. 0: not known. */
size_t dp_path_mtu(struct datapath *dp, const struct addr *remote, size_t *link);
/* The longest inner packet of ${sa}, and of AH around it, whose outer packet has at most ${path} bytes; 0: none fits. */
size_t dp_inner_max(const struct esp_sa *sa, size_t path);
/* Updates the path MTU: of ${all} SAs, or only of new ones. */
void dp_mtu(struct datapath *dp, bool all);
/* ${pair}, which has its claim, ends. */
void dp_mtu_gone(struct datapath *dp, const struct esp_pair *pair);
/*
 * Looks at the paths of some SAs, so that thousands of look-ups do not come at once. Returns the seconds to the next call,
 * with which each SA has its turn.
 */
double dp_paths(struct datapath *dp);

#endif
