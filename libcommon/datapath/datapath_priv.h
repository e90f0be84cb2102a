/* Declarations shared by the files of the data path. */
#ifndef SAPIPE_DATAPATH_DATAPATH_PRIV_H
#define SAPIPE_DATAPATH_DATAPATH_PRIV_H

#include <ev.h>

#include "esp/flow.h"
#include "datapath/claim_keeper.h"
#include "os/clock.h"
#include "datapath/datapath.h"
#include "datapath/worker.h"
#include "port/port.h"
#include "os/rawesp.h"
#include "capture/recorder.h"
#include "os/route.h"
#include "os/tun.h"

#define HELD_MAX	64		/* packets of unknown SPIs that wait for a record */
#define HELD_BYTES	(256 * 1024)
#define HELD_MS		250
#define IKES_MAX	4096		/* IKE SAs of which we know whether the peer is behind a NAT */

/* A copy of a packet that waits for its SA. */
struct held {
	struct pkt	 k;		/* its buffer is its own */
	uint64_t	 until_ms;
};

struct ike_seen { uint8_t spis[16]; bool remote_nat; };

/* Additional state of a pair of SAs: its claim, and when its traffic was last reported. */
struct own {
	uint32_t	 id;			/* with the keeper */
	uint64_t	 out_end, in_end;	/* numbers below are reserved */
	bool		 asked_out, asked_in;	/* for more */
	bool		 settled;
	uint64_t	 tick_right;		/* right edge at the last look */
	uint64_t	 told_ms, told_packets;
	struct route	*routes;		/* to its remote selectors */
	size_t		 n_routes;
	bool		 routed;		/* they are known */
};

/* A record that waits: for its own claim, or for one before it. */
struct turn {
	struct turn	*next;
	struct sa_rec	 rec;
	uint32_t	 source;
	uint64_t	 off;
	uint32_t	 id;			/* with the keeper */
	bool		 asked, answered;
	struct keeper_answer answer;
};

/* MTUs of paths that were looked up in the same pass. */
#define PATHS	1024
struct path { struct addr remote; size_t mtu; uint64_t pass; };

struct datapath {
	struct ev_loop	*loop;
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
	bool		 id_used[KEEPER_CLAIMS];
	struct esp_pair	*by_id[KEEPER_CLAIMS];
	uint32_t	 next_id;
	struct router	 router;
	ev_io		 keeper_io, tun_io, raw_io[RAWESP_SOCKETS];
	ev_timer	 tick, held_timer, device_timer;
	struct worker	 worker;
	size_t		 mtu;		/* that the device has now */
	uint64_t	 mtu_ms;	/* when paths were last looked at; 0: look again */
	struct path	 paths[PATHS];
	uint64_t	 pass;
	bool		 draining, up;
	bool		 no_v6;		/* that --mtu is too small for IPv6 was reported */
	bool		 barred;	/* that a filter drops what we send was reported */
	const char	*why_down;	/* why SAs end just now, for calls.state; NULL: not known */
	bool		 device_due;	/* SAs were added or removed since the device was configured */
	struct held	 held[HELD_MAX];
	size_t		 n_held, held_bytes;
	struct ike_seen	*ikes;
	size_t		 n_ikes, next_ike;
	uint64_t	 ever;
	uint64_t	 remaps;
};

/* datapath_report.c */
void dp_note(struct datapath *dp, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void dp_warn(struct datapath *dp, const struct fault *f);
/* To the negotiator, over the ports shared with it. */
void dp_event(struct datapath *dp, const struct esp_pair *pair, enum sa_event_kind what);
/* The same for any event: fills in time, source and SPI. */
void dp_event_send(struct datapath *dp, struct sa_rec *r, const uint8_t spi_in[4]);

/* datapath_rec.c */
void dp_turns_free(struct datapath *dp);
/* The keeper has answered: applies the records that have their claims now. */
void dp_keeper_ready(struct ev_loop *loop, ev_io *w, int revents);
void dp_device_over(struct ev_loop *loop, ev_timer *w, int revents);

/* datapath_claim.c */
int dp_reserve_out(void *ctx, struct esp_sa *sa, uint64_t seq);
int dp_reserve_in(void *ctx, struct esp_sa *sa, uint64_t seq);
void dp_settle(struct datapath *dp);
/* Requests the claim of ${c}; the answer has the id ${id}. 0, or -1 with a fault. */
int dp_claim_begin(struct datapath *dp, const struct sa_child *c, uint32_t *id, struct fault *f);
/* Gives a claim back that no SA came to own. */
void dp_claim_back(struct datapath *dp, const struct keeper_answer *a);
/* Gives an SA its claim, which it then owns; and releases that. */
int dp_claim_tie(struct datapath *dp, struct esp_pair *pair, const struct keeper_answer *a,
    struct fault *f);
void dp_claim_end(struct datapath *dp, struct esp_pair *pair);
/* Reads what the keeper has answered, and stores each answer with its SA or its record. 0, or -1: the keeper is gone. */
int dp_keeper_answers(struct datapath *dp, struct fault *f);

/* datapath_io.c */
void dp_tun_ready(struct ev_loop *loop, ev_io *io, int revents);
void dp_raw_ready(struct ev_loop *loop, ev_io *io, int revents);
void dp_udp(void *ctx, struct pkt *d, size_t n);
/*
 * The peer's NAT has assigned another mapping, ${remote}: all SAs to this peer use it. False: nothing changed, or
 * there is no NAT in front of the peer.
 */
bool dp_follow(struct datapath *dp, struct esp_pair *pair, const struct endpoint *remote);
/* Handles held packets that have an SA now; with ${all} counts and drops the others. */
void dp_held_retry(struct datapath *dp, bool all);

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

/* datapath_port.c */
/*
 * SA ${c} is not in use because of ${f}: the negotiator deletes it. Not where it may be in use all the same, in
 * another process, or is a record of the past.
 */
void dp_refused(struct datapath *dp, const struct sa_child *c, const struct fault *f);
/* What the UDP port of SA ${c}, which has one, is for. */
enum port_role dp_port_role(const struct sa_child *c);
/* Joins the ports of the negotiator of SA ${c}, at the first call. 0, or -1 with a fault. */
int dp_ports_join(struct datapath *dp, const struct sa_child *c, struct fault *f);
/*
 * Opens or joins the UDP ports that SA ${c} needs, and the ports of the negotiator. 0, or -1 if
 * packets of ${c} could not be received.
 */
int dp_ports(struct datapath *dp, const struct sa_child *c, struct fault *f);

/* datapath_dev.c */
/* Configures MTU, addresses and routes for the present SAs. */
void dp_device(struct datapath *dp);
/* Updates the path MTU: of ${all} SAs, or only of new ones. */
void dp_mtu(struct datapath *dp, bool all);

#endif
