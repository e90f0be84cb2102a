/* ike-trace: reads a capture (or an interface) and prints its IKE exchanges, message by message. */
#include "trace.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/prog.h"
#include "cli/report.h"
#include "cli/term.h"
#include "tool/state_files.h"
#include "os/priv.h"
#include "os/sandbox.h"
#include "inside.h"
#include "words.h"

static int
take_port(void *member, const char *value, struct fault *f)
{
	struct trace_opts *o = (struct trace_opts *)((char *)member - offsetof(struct trace_opts, ports));
	uint64_t v;

	if (opt_number(&v, value, OPT_PLAIN, 1, 65535, "--port", f) != 0)
		return (-1);
	if (o->ports.n == CAPTURE_PORTS_MAX)
		return (fault(f, FAULT_USAGE, "--port: more than %d", CAPTURE_PORTS_MAX));
	o->ports.v[o->ports.n++] = (uint16_t)v;
	return (0);
}

static const struct opt optab[] = {
	OPT_TOOL("show the IKE exchanges of a capture, decrypted where keys are known"),
	OPT_USE("[OPTION]... CAPTURE"),
	OPT_USE("[OPTION]... --live IFACE"),
	OPT_LIST(struct trace_opts, sa, 0, "sa", "FILE",
	    "decrypt messages with the keys of this SA state"),
	OPT_LIST(struct trace_opts, trust.ca, 0, "ca", "FILE",
	    "check the certificates of signatures against these authorities"),
	OPT_LIST(struct trace_opts, trust.crl, 0, "crl", "FILE", "revocation lists of these authorities"),
	OPT_LIST(struct trace_opts, trust.peer_cert, 0, "peer-cert", "FILE",
	    "certificate of an end, trusted without an authority; an end need not send it"),
	OPT_CALL(struct trace_opts, ports, 0, "port", "PORT", take_port,
	    "also parse UDP on this port, in addition to 500 and 4500"),
	OPT_STR(struct trace_opts, live, 0, "live", "IFACE",
	    "capture on this interface ('any': all) until interrupted", .excl = 1),
	OPT_NUM(struct trace_opts, count, 'c', "count", "N", 1, UINT32_MAX, "stop after N frames",
	    .flags = OPT_NO_DEFAULT),
	OPT_STR(struct trace_opts, user, 0, "user", "NAME",
	    "drop privileges to NAME once the capture is open (root: sapipe)"),
	OPT_STR(struct trace_opts, html, 0, "html", "FILE",
	    "write a page for a browser, with every payload and value; '-': standard output"),
	OPT_STR(struct trace_opts, svg, 0, "svg", "FILE", "write the ladder as a drawing, for slides; '-': standard output"),
	OPT_FLAG(struct trace_opts, reveal, 0, "reveal-keys", "also print XAuth passwords, and in the page keys"),
	OPT_CHOICE(struct trace_opts, colour, 0, "color", "auto|always|never",
	    "print refusals, wrong hashes and signatures, and replays in red (auto: on a terminal, unless NO_COLOR is set)"),
	OPT_JSON(struct trace_opts, json),
	OPT_ARG(struct trace_opts, capture, "CAPTURE", "pcap or pcapng, '-' for standard input"),
	OPT_NOTE("With -q each message is one line, without its payloads."),
	OPT_END
};

static struct capture *stop_this;

static void
on_signal(int number)
{
	(void)number;
	capture_stop(stop_this);
}

/* --- one frame --- */

static void
ike_packet(struct trace *t, const struct trace_view *v, const struct capture_packet *p)
{
	struct v1_seen in = {
		.number = p->number, .src = p->src, .dst = p->dst, .data = p->data, .lost = p->lost,
		.epoch = p->time_us / 1000000,
	};
	static struct v1_told m;
	struct fault f = {0};

	t->n.ike++;
	if (v1_trace_take(t->ike, &in, &m, &f) != 0) {
		if (f.code == FAULT_WRONG_VERSION && m.msg.hdr.version >> 4 == 2)
			t->n.v2++;
		else
			t->n.bad++;
		v->refused(t, p, f.what);
		return;
	}
	states_mark(t, &m.msg.hdr);
	t->n.again += m.again_of != 0;
	t->n.unopened += m.again_of == 0 && open_text(&m) != NULL;
	t->n.sas += m.new_sa;
	v->message(t, p, &m);
}

static void
ipsec_packet(struct trace *t, const struct trace_view *v, const struct capture_packet *p)
{
	struct watch_flow *f = watch_take(t->esp, p->what == CAPTURE_ESP ? 50 : 51, p->spi, p->seq, &p->src, &p->dst,
	    p->data.len + p->lost, p->time_us);

	if (f == NULL || f->packets != 1)
		return;
	if (p->lost == 0)
		icv96_look(t, f, p->data);
	v->flow(t, p, f);
}

/* The ESP in the AH of ${p}, of a bundle: AH encrypts nothing. */
static void
esp_in_ah(struct trace *t, const struct trace_view *v, const struct capture_packet *p)
{
	struct capture_packet in = *p;
	size_t ah = ((size_t)p->data.p[1] + 2) * 4;	/* the capture has seen to AH_HDR bytes */

	if (p->data.p[0] != 50 || p->data.len < ah + 8)
		return;
	in.what = CAPTURE_ESP;
	in.data = span_of(p->data.p + ah, p->data.len - ah);
	memcpy(in.spi, in.data.p, sizeof(in.spi));
	in.seq = get_be32(in.data.p + 4);
	ipsec_packet(t, v, &in);
}

static void
packet(struct trace *t, const struct trace_view *v, const struct capture_packet *p)
{
	if (!t->begun) {
		t->begun = true;
		t->begin_us = p->time_us;
	}
	switch (p->what) {
	case CAPTURE_IKE:
		ike_packet(t, v, p);
		break;
	case CAPTURE_ESP:
		ipsec_packet(t, v, p);
		inside_ipsec(t, v, p);
		break;
	case CAPTURE_AH:
		ipsec_packet(t, v, p);
		esp_in_ah(t, v, p);
		inside_ipsec(t, v, p);
		break;
	case CAPTURE_BAD:
		v->refused(t, p, p->note);
		break;
	case CAPTURE_KEEPALIVE:
		t->n.keepalives++;
		break;
	case CAPTURE_TCP:
		t->n.tcp++;
		break;
	case CAPTURE_GRE:
	case CAPTURE_NHRP:
		inside_packet(t, v, p);
		break;
	case CAPTURE_COPY:
	case CAPTURE_OTHER:
	case CAPTURE_FRAGMENT:
		break;
	}
}

static enum exit_status
frames(struct trace *t)
{
	const struct trace_view *v = t->page != NULL ? &page_view : t->o->json ? &json_view : &ladder_view;
	enum exit_status status = EXIT_DONE;
	struct capture_packet p;
	struct fault f = {0};
	uint64_t left = t->o->count != 0 ? t->o->count : UINT64_MAX;
	int rc = 0;

	while (left > 0 && ferror(stdout) == 0 &&
	    (rc = capture_next(t->capture, &p, &f)) > 0) {
		packet(t, v, &p);
		left--;
		if (t->o->live != NULL)
			(void)fflush(stdout);
	}
	v->end(t);
	states_report(t);
	if (rc < 0)
		status = report_fault(&f);
	if (page_end(t, &f) != 0)
		status = report_fault(&f);
	else if (rc < 0)
		;
	else if (t->n.ike == 0 && t->n.nhrp == 0 && watch_flow(t->esp, 0) == NULL && inside_flow(t->inside, 0) == NULL) {
		report_say(0, "no IKE, ESP, AH, GRE or NHRP in %llu frames",
		    (unsigned long long)capture_stats(t->capture)->frames);
		status = EXIT_NO;
	}
	return (status);
}

/* --- beginning and end --- */

/* Each --sa alone, and all together. */
static int
read_states(struct trace *t, struct fault *f)
{
	const struct opt_list *l = &t->o->sa;
	const struct sa_rec *r;
	size_t i, at;

	if ((t->states = calloc(l->n + 1, sizeof(*t->states))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for SA state"));
	for (i = 0; i < l->n; i++) {
		if ((t->states[i].set = sa_set_new()) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for SA state"));
		if (sa_keys_read(t->states[i].set, 1, &l->v[i], f) != 0)
			return (-1);
		for (at = 0; (r = sa_set_next(t->states[i].set, &at, NULL)) != NULL;)
			if (sa_set_apply(t->keys, 0, r, NULL, NULL, f) == SA_BAD) {
				fault_where(f, "%s", l->v[i]);
				return (-1);
			}
	}
	return (0);
}

static void
close_states(struct trace *t)
{
	size_t i;

	for (i = 0; t->states != NULL && i < t->o->sa.n; i++)
		sa_set_free(t->states[i].set);
	free(t->states);
}

static int
open_all(struct trace *t, struct fault *f)
{
	const struct trace_opts *o = t->o;
	size_t i;

	if ((o->live == NULL) == (o->capture == NULL))
		return (fault(f, FAULT_USAGE, o->live == NULL ? "no CAPTURE given" :
		    "either a capture or --live"));
	if (page_open(t, f) != 0)
		return (-1);
	if ((t->keys = sa_set_new()) == NULL || (t->ike = v1_trace_new(t->keys)) == NULL ||
	    (t->esp = watch_new()) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a trace"));
	if (o->capture != NULL)
		t->capture = capture_open(o->capture, f);
	else
		t->capture = capture_live(o->live, o->ports.v, o->ports.n, f);
	if (t->capture == NULL)
		return (-1);
	for (i = 0; o->capture != NULL && i < o->ports.n; i++)
		if (capture_add_port(t->capture, o->ports.v[i], f) != 0)
			return (-1);
	if (read_states(t, f) != 0 || creds_trust_read(&t->trust, &o->trust, f) != 0)
		return (-1);
	if ((t->inside = inside_new(t, f)) == NULL)
		return (-1);
	v1_trace_trust(t->ike, &t->trust);
	if (page_begin(t, f) != 0)
		return (-1);
	t->columns = term_width(STDOUT_FILENO);
	t->colour = o->colour == COLOUR_ALWAYS || (o->colour == COLOUR_AUTO && term_colour(STDOUT_FILENO));
	/* The input after this point is untrusted. */
	return (priv_drop(o->user, 0, f) < 0 || sandbox_enter(t->page != NULL ? SANDBOX_WRITER :
	    SANDBOX_FILTER, f) < 0 ? -1 : 0);
}

int
main(int argc, char *argv[])
{
	struct trace_opts o = {0};
	struct trace t = { .o = &o };
	struct sigaction sa = { .sa_handler = on_signal };
	struct fault f = {0};
	enum exit_status status;

	prog_init(argv[0]);
	opt_parse(optab, &o, argc, argv);
	if (open_all(&t, &f) == 0) {
		if (o.live != NULL) {
			stop_this = t.capture;
			(void)sigaction(SIGINT, &sa, NULL);
			(void)sigaction(SIGTERM, &sa, NULL);
			(void)sigaction(SIGHUP, &sa, NULL);
		}
		status = frames(&t);
	} else
		status = report_fault(&f);
	/* After this point an interrupt ends the process. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	page_close(&t);
	watch_free(t.esp);
	inside_free(t.inside);
	v1_trace_free(t.ike);
	creds_free(&t.trust);
	sa_set_free(t.keys);
	close_states(&t);
	capture_close(t.capture);
	return ((int)status);
}
