/* Declarations shared by the files of esp-tun. */
#ifndef SAPIPE_ESP_TUN_H
#define SAPIPE_ESP_TUN_H

#include <ev.h>

#include "cli/opt.h"
#include "cli/prog.h"
#include "cli/report.h"
#include "cli/script.h"
#include "datapath/control.h"
#include "datapath/datapath.h"
#include "claim/claim_keeper.h"
#include "gre/inside.h"
#include "capture/recorder.h"
#include "os/lines.h"
#include "os/notify.h"
#include "os/record_in.h"
#include "tool/tun_opt.h"

extern const struct opt tun_optab[];

/* hops.c: the static bindings of --nhtb, which stay. 0, or -1 with FAULT_USAGE, FAULT_BAD_ADDRESS, or that a file is not readable. */
struct hops { struct datapath_hop *v; size_t n; struct lines texts; };	/* names are in the texts of files */
int hops_read(struct hops *h, const struct opt_list *given, struct fault *f);

/* Converts the options of the tool to those of the data path. 0, or -1 with FAULT_USAGE or similar. */
int tun_settle(const struct tun_opts *o, struct datapath_opt *d, struct fault *f);

/* The backends that --backend allows and that pass their self-test. NULL with FAULT_CONFIG or FAULT_CRYPTO. */
const struct esp_backend *const *tun_backends(const struct tun_opts *o, struct fault *f);

struct tool {
	const struct tun_opts *o;
	struct ev_loop	*loop;
	struct datapath	*dp;
	struct control	*control;
	struct inside	*inside;	/* of --nhrp; NULL: none */
	struct pass	*pass;		/* of --pass; NULL: none */
	struct sa_in	*in;
	struct script	 script;
	struct helper	 keeper;	/* of claims */
	struct helper	 recorder;	/* of --pcap */
	const struct route *addresses;	/* of --address */
	size_t		 n_addresses;
	struct sa_ike	*config;	/* the mode config values for the script, without keys */
	ev_io		*io;		/* one a source */
	ev_signal	 sig[6];
	ev_timer	 on_watchdog;
	struct notify	 notify;
	bool		 dropped;	/* privileges */
	struct fault	 first;		/* the first fault of an SA, reported if no SA is left */
	bool		 said;		/* ... and whether that was reported */
	bool		 claimed;	/* another process had an SA */
	bool		 stopped, broken;
	bool		 input_over;	/* that the input has ended was reported */
	struct tun_standby *standby;	/* NULL: without --standby */
};

/* offline.c: --decrypt and --encrypt. Returns the exit status. */
int tun_offline(const struct tun_opts *o);

/* script.c: environment of --script. */
void tool_script(struct tool *t, const char *reason, const struct esp_pair *pair);
/* Remembers the values of an IKE SA for the script. */
void tool_config(struct tool *t, const struct sa_ike *s);

/*
 * standby.c: --standby. Until the takeover, records are kept in a set. After it the data path gets those of the set first,
 * each counted as taken over, and then what comes.
 */
struct tun_standby *standby_new(struct fault *f);	/* NULL with a fault */
void standby_free(struct tun_standby *s);		/* wipes; NULL is fine */
/* Whether SAs are held and not used. False for NULL. */
bool standby_waits(const struct tun_standby *s);
/* SIGUSR2: SAs that are held are used from now on. Once. */
void standby_take(struct tun_standby *s, uint64_t epoch);
/* What a record that came means. */
enum standby_step {
	STANDBY_PASS,		/* give it to the data path */
	STANDBY_KEPT,		/* it is in the set, or means nothing here */
	STANDBY_TAKE,		/* the takeover: standby_take() */
	STANDBY_LOST,		/* another gateway has taken the SAs over from this one */
};
/* A record of ${source}. STANDBY_KEPT with a fault in ${f} if the set does not accept it; ${f}->code is FAULT_NONE otherwise. */
enum standby_step standby_record(struct tun_standby *s, const struct sa_rec *r, unsigned source, struct fault *f);
/* The next SA of the set after the takeover, to be wiped by the caller. False: there is none left. */
bool standby_next(struct tun_standby *s, struct sa_rec *r, unsigned *source);

/*
 * pass.c: --pass. Standard output is a duplicate of standard error from then on: open it before a process that writes there. NULL with
 * a fault, as of sa_out_open().
 */
struct pass *pass_open(struct fault *f);
/* The functions below do nothing for NULL. ${loop} outlives it. */
void pass_watch(struct pass *p, struct ev_loop *loop);
/*
 * Writes ${r}, which has no key, or keeps it for a slow reader. Without a reader nothing is written any more. A binding to a peer whose SA
 * was unusable waits until pass_peer() reports an SA with it, unless (${reached}) there is one.
 */
void pass_record(struct pass *p, const struct sa_rec *r, bool reached);
/* A new SA with the peer at ${peer} cannot be used. */
void pass_unusable(struct pass *p, const struct addr *peer);
/* Writes an event: SAs with the peer at ${peer} carry GRE now, or (${up} false) do not any more. */
void pass_peer(struct pass *p, const struct addr *peer, bool up);
void pass_close(struct pass *p);

int tool_open(struct tool *t, const struct tun_opts *o, const struct datapath_opt *d,
    struct fault *f);
/* Until a signal, or the last SA after the input's end. Returns the exit status. */
int tool_run(struct tool *t);
void tool_close(struct tool *t);

#endif
