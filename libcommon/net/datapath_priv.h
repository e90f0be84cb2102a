/* What the files of the data path share. */
#ifndef SAPIPE_NET_DATAPATH_PRIV_H
#define SAPIPE_NET_DATAPATH_PRIV_H

#include <ev.h>

#include "esp/flow.h"
#include "net/claim.h"
#include "net/clock.h"
#include "net/datapath.h"
#include "net/port.h"
#include "net/rawesp.h"
#include "net/route.h"
#include "net/tun.h"

#define PKT_MAX		65535
#define SLOT		(FLOW_HEAD + PKT_MAX + FLOW_TAIL + 64)
#define HELD_MAX	64		/* packets of unknown SPIs that wait for a record */
#define HELD_BYTES	(256 * 1024)
#define HELD_MS		250
#define IKES_MAX	4096		/* IKE SAs of which we know whether the peer is behind a NAT */

/* A packet whose SA may be on its way. */
struct held {
	uint8_t		*p;
	size_t		 len;
	struct endpoint	 local, remote;
	uint16_t	 tos;
	bool		 udp;
	uint64_t	 until_ms;
};

struct ike_seen { uint8_t spis[16]; bool remote_nat; };

/* What is kept beside an SA: its claim, and when its traffic was last reported. */
struct own {
	struct claim	*claim;
	uint64_t	 told_ms, told_packets, tick_packets;
};

struct datapath {
	struct ev_loop	*loop;
	struct datapath_opt opt;
	struct datapath_calls calls;
	void		*ctx;
	struct clock	 clock;
	struct sadb	*db;
	struct tun	 tun;
	struct rawesp	 raw;
	struct ports	*ports;
	struct claims	 claims;
	struct router	 router;
	ev_io		 tun_io, raw4_io, raw6_io;
	ev_timer	 tick, held_timer;
	uint8_t		*slots;		/* ESP_BATCH of SLOT bytes */
	size_t		 mtu;		/* that the device has now */
	uint64_t	 mtu_ms;	/* when paths were last looked at */
	bool		 draining, up;
	struct held	 held[HELD_MAX];
	size_t		 n_held, held_bytes;
	struct ike_seen	*ikes;
	size_t		 n_ikes, next_ike;
	uint64_t	 ever;
	/* counters, of all SAs there have been */
	struct esp_count out, in;
	uint64_t	 drops_out[ESP_VERDICT_COUNT], drops_in[ESP_VERDICT_COUNT];
	uint64_t	 cut, unsent, unwritten, remaps, icmp;
};

/* datapath.c */
void dp_note(struct datapath *dp, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void dp_warn(struct datapath *dp, const struct fault *f);
void dp_event(struct datapath *dp, const struct esp_sa *sa, const char *what);

/* datapath_io.c */
void dp_tun_ready(struct ev_loop *loop, ev_io *w, int revents);
void dp_raw_ready(struct ev_loop *loop, ev_io *w, int revents);
void dp_udp(void *ctx, struct port_dgram *d, size_t n);
/* Packets that were held: those with an SA now go in; with ${all} the others are counted and let go. */
void dp_held_retry(struct datapath *dp, bool all);

/* datapath_port.c */
/*
 * Opens or joins the UDP ports that SA ${c} needs, and those that a negotiator may be reached
 * by. 0, or -1 if its packets could not be had.
 */
int dp_ports(struct datapath *dp, const struct sa_child *c, struct fault *f);

/* datapath_dev.c */
/* Makes MTU, addresses and routes fit the SAs that there are. */
void dp_device(struct datapath *dp);
void dp_mtu(struct datapath *dp);

#endif
