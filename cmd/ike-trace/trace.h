/* ike-trace: declarations shared by its files. */
#ifndef SAPIPE_IKE_TRACE_H
#define SAPIPE_IKE_TRACE_H

#include "cli/opt.h"
#include "esp/watch.h"
#include "nhrp/packet.h"
#include "trace/dissect.h"
#include "capture/capture.h"
#include "sa/set.h"
#include "tool/creds_opt.h"

#define ICV96_MAX	64	/* SPIs */

struct trace_opts {
	struct opt_list	 sa;
	struct creds_opts trust;
	const char	*live;
	const char	*capture;
	const char	*user;
	const char	*html, *svg;
	uint64_t	 count;
	uint8_t		 colour;	/* enum trace_colour */
	struct { size_t n; uint16_t v[CAPTURE_PORTS_MAX]; } ports;
	bool		 json, reveal;
};

enum trace_colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* One --sa. */
struct trace_state {
	struct sa_set	*set;
	bool		 fits;		/* it has the keys of a message, or the SA of a packet */
};

struct trace_counts {
	uint64_t	ike, again, unopened, bad, v2, keepalives, tcp, gre, nhrp;
	unsigned	sas;		/* IKE SAs */
};

struct page_report;
struct inside;
struct trace_carrier;
struct gre_flow;

struct trace {
	const struct trace_opts	*o;
	struct capture		*capture;
	struct sa_set		*keys;		/* of all states */
	struct creds		 trust;		/* verifies signatures */
	struct trace_state	*states;	/* each alone */
	struct v1_trace		*ike;
	struct watch		*esp;
	struct inside		*inside;	/* GRE and NHRP, decrypted too */
	struct trace_counts	 n;
	uint64_t		 begin_us;	/* of the first frame */
	bool			 begun;
	unsigned		 shown_sa;	/* the SA of the ladder being drawn; 0: none */
	struct endpoint		 left, right;	/* its ends as last shown */
	unsigned		 n_icv96;	/* SPIs whose first packet has an ICV of 96 bits instead of 128 */
	uint8_t			 icv96[ICV96_MAX][4];
	size_t			 columns;	/* lines are wrapped there; 0: they are not */
	bool			 colour;
	bool			 flow_begun;	/* its heading is printed */
	struct page_report	*page;		/* --html, --svg; NULL: neither */
	bool			 marked;	/* the message before had the non-ESP marker */
	unsigned		 lines;		/* since the ends were shown */
};

/* How a report is made: for people, as one JSON object a line, as a page. All but the last print on standard output. */
struct trace_view {
	void	(*message)(struct trace *, const struct capture_packet *, const struct v1_told *);
	/* IKE that is none, or of another version; a packet that is malformed. */
	void	(*refused)(struct trace *, const struct capture_packet *, const char *why);
	/* The first packet of an SPI. */
	void	(*flow)(struct trace *, const struct capture_packet *, const struct watch_flow *);
	void	(*nhrp)(struct trace *, const struct capture_packet *, const struct nhrp_packet *, const struct trace_carrier *);
	/* The first packet of a flow of GRE. */
	void	(*gre)(struct trace *, const struct capture_packet *, const struct gre_flow *);
	void	(*end)(struct trace *);
};
extern const struct trace_view ladder_view, json_view, page_view;

/* --- page.c --- */

/* Creates the files of --html and --svg, if they are wanted, before the sandbox and the keys. 0, or -1. */
int page_open(struct trace *t, struct fault *f);
/* After the keys are read. 0, or -1. */
int page_begin(struct trace *t, struct fault *f);
/* Writes the files. 0, or -1: they are not there then. */
int page_end(struct trace *t, struct fault *f);
void page_close(struct trace *t);

#endif
