/* The frame of the tools of NHRP. */
#include "tool/nhrp/nhrp_tool.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/loop.h"
#include "cli/peer_addr.h"
#include "cli/prog_name.h"
#include "cli/report.h"
#include "cli/secret_file.h"
#include "crypto/crypto.h"
#include "os/clock.h"
#include "os/priv.h"
#include "os/sandbox.h"
#include "port/port.h"

#define DRAIN_MS	500	/* for the last records */
#define LOOK_S		1.	/* how often our NBMA address is looked up, where the kernel chooses it */

#define T struct nhrp_opts
const struct opt nhrp_optab[] = {
	OPT_STR(T, tun, 0, "tun", "NAME", "the GRE device, which a running gre-tun owns", .flags = OPT_REQUIRED),
	OPT_STR(T, address, 0, "address", "ADDR", "own address in the tunnel", .flags = OPT_REQUIRED),
	OPT_STR(T, auth_file, 0, "auth-file", "FILE", "file with the secret of the authentication extension"),
	OPT_CHOICE(T, auth, 0, "auth", "clear|hmac", "its form: clear text, or HMAC-MD5 of RFC 2332"),
	OPT_NUM(T, spi, 0, "spi", "N", 0, 65535, "SPI of the HMAC"),
	OPT_STR(T, user, 0, "user", "NAME", "drop privileges to NAME after start-up (root: sapipe)"),
	OPT_END
};
#undef T

static struct now
now(void)
{
	return (clock_now(NULL));
}

static void
fail(struct nhrp_tool *t, const struct fault *f)
{
	if (t->why.code == FAULT_NONE)
		t->why = *f;
	ev_break(t->loop, EVBREAK_ALL);
}

/* --- the sink of the machine --- */

static void
on_send(void *ctx, const struct addr *to, struct span packet)
{
	struct nhrp_tool *t = ctx;
	struct fault f = {0};

	/* As any datagram it may be lost: the machine asks again. */
	if (gre_attach_send(t->gre, to, packet, &f) != 0 && report_allow(__func__))
		report_note(&f);
}

/* After each write of records: ${rc} of sa_out_put() or sa_out_ready(). */
static void
written(struct nhrp_tool *t, int rc, const struct fault *f)
{
	if (rc != 0) {
		sa_out_close(t->out);
		t->out = NULL;
		fail(t, f);
	}
	loop_watch_out(t->loop, &t->on_out, t->out);
}

static void
put(struct nhrp_tool *t, const struct sa_rec *r)
{
	struct fault f = {0};

	if (t->out == NULL)
		return;
	written(t, sa_out_put(t->out, r, &f), &f);
}

static void
on_binding(void *ctx, const struct sa_nhrp_binding *b)
{
	struct sa_rec r = { .type = SA_NHRP_BINDING };

	r.binding = *b;
	put(ctx, &r);
}

static void
on_event(void *ctx, const struct sa_nhrp_event *e)
{
	char proto[ADDR_TEXT] = "", remote[ADDR_TEXT], code[24] = "";
	struct sa_rec r = { .type = SA_NHRP_EVENT };

	if (e->proto.family != 0)
		(void)addr_text(proto, &e->proto);
	if (e->has_code)
		(void)snprintf(code, sizeof(code), " (code %u)", e->code);
	if (report_allow(NULL))
		report_say(e->has_code ? -1 : 0, "%s: %s%s%s%s%s%s", e->what, proto, e->remote.family != 0 ? " at " : "",
		    e->remote.family != 0 ? addr_text(remote, &e->remote) : "", e->text[0] != '\0' ? ": " : "", e->text, code);
	r.nhrp_event = *e;
	put(ctx, &r);
}

/* --- the loop --- */

/* Waits for the next deadline of the machine. */
static void
arm(struct nhrp_tool *t)
{
	uint64_t at = t->calls->deadline_ms(t->ctx), ms = now().ms;

	ev_timer_stop(t->loop, &t->timer);
	if (at == UINT64_MAX)
		return;
	ev_timer_set(&t->timer, at > ms ? (double)(at - ms) / 1000 : 0.0, 0.0);
	ev_timer_start(t->loop, &t->timer);
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct nhrp_tool *t = w->data;

	(void)loop, (void)revents;
	t->calls->timeout(t->ctx, now());
	arm(t);
}

static void
ready(struct nhrp_tool *t, const struct addr *nbma)
{
	const bool moved = nbma->family != 0 && addr_cmp(nbma, &t->node.nbma) != 0;
	char text[ADDR_TEXT];

	if (moved) {
		t->node.nbma = *nbma;
		report_say(1, "our NBMA address is %s now", addr_text(text, nbma));
	}
	if (t->calls->ready != NULL)
		t->calls->ready(t->ctx, moved, now());
	arm(t);
}

static void
on_look(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct nhrp_tool *t = w->data;
	struct endpoint e = { .addr = t->toward, .port = 1 };
	struct addr nbma;

	(void)loop, (void)revents;
	/* Without a route for the moment there is nothing to register from. */
	if (ports_source(&nbma, &e, 0, NULL) == 0 && addr_cmp(&nbma, &t->node.nbma) != 0)
		ready(t, &nbma);
}

static void
on_used(struct nhrp_tool *t, const struct gre_msg *m)
{
	struct addr nbma;

	for (size_t i = 0; t->calls->used != NULL && gre_use_get(m, i, &nbma); i++)
		t->calls->used(t->ctx, &nbma, now());
}

static void
on_packet(struct nhrp_tool *t, const struct gre_msg *m)
{
	static struct nhrp_in in;
	struct fault f = {0};
	char from[ADDR_TEXT];

	if (nhrp_node_receive(&t->node, &in, &m->nbma, m->data, now(), &f) == 0)
		t->calls->receive(t->ctx, &in, now());
	else if (f.code != FAULT_AUTH_FAILED && report_allow_verbose(__func__))
		report_say(1, "dropped a packet from %s: %s", addr_text(from, &m->nbma), f.what);
}

static void
on_gre(struct ev_loop *loop, ev_io *w, int revents)
{
	struct nhrp_tool *t = w->data;
	struct gre_msg m;
	struct fault f = {0};
	int rc;

	(void)loop, (void)revents;
	while ((rc = gre_attach_receive(t->gre, &m, &f)) == 1) {
		if (m.kind == GRE_MSG_NHRP)
			on_packet(t, &m);
		else if (m.kind == GRE_MSG_SAMPLE && t->calls->sample != NULL)
			t->calls->sample(t->ctx, &m, now());
		else if (m.kind == GRE_MSG_WANTED && t->calls->wanted != NULL)
			t->calls->wanted(t->ctx, &m.to, now());
		else if (m.kind == GRE_MSG_USED)
			on_used(t, &m);
		else if (m.kind == GRE_MSG_INFO)
			ready(t, &gre_attach_info(t->gre)->local);
	}
	if (rc < 0)
		fail(t, &f);
	arm(t);
}

static void
on_out_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct nhrp_tool *t = w->data;
	struct fault f = {0};

	(void)loop, (void)revents;
	if (t->out != NULL)
		written(t, sa_out_ready(t->out, &f), &f);
}

static void
on_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
	struct nhrp_tool *t = w->data;

	(void)revents;
	if (w->signum == SIGUSR1) {
		if (t->calls->status != NULL)
			t->calls->status(t->ctx);
		return;
	}
	t->stopped = true;
	ev_break(loop, EVBREAK_ALL);
}

/* --- life --- */

int
nhrp_net_parse(struct addr *net, uint8_t *prefix, const char *text, const char *name, struct fault *f)
{
	struct selector s;
	int n;

	if (selector_parse(&s, text) != 0 || (n = selector_prefix(&s)) < 0)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no network", name, text));
	*net = s.first;
	*prefix = (uint8_t)n;
	return (0);
}

static int
read_secret(struct nhrp_tool *t, const struct nhrp_opts *o, struct fault *f)
{
	struct nhrp_auth *a = &t->node.auth;

	if (o->auth_file == NULL)
		return (0);
	if (secret_file_read(&a->secret, o->auth_file, SECRET_RAW, "secret of NHRP", NULL, f) != 0)
		return (-1);
	a->kind = o->auth == 0 ? NHRP_AUTH_CLEAR : NHRP_AUTH_HMAC;
	a->spi = (uint16_t)o->spi;
	if (a->kind == NHRP_AUTH_CLEAR && a->secret.len > NHRP_AUTH_CLEAR_MAX)
		return (fault(f, FAULT_SECRET_FILE, "--auth clear: more than %d characters", NHRP_AUTH_CLEAR_MAX));
	return (0);
}

/* Our NBMA address: that of the device, or the one that the kernel sends to ${toward} from. */
static int
own_nbma(struct nhrp_tool *t, const struct addr *toward, struct fault *f)
{
	const struct gre_info *i = gre_attach_info(t->gre);
	struct endpoint e = { .port = 1 };

	t->node.nbma = i->local;
	if (i->local.family != 0)
		return (0);
	if (toward == NULL)
		return (fault(f, FAULT_CONFIG, "%s has no NBMA address: start gre-tun with --local", i->tun));
	e.addr = t->toward = *toward;
	return (ports_source(&t->node.nbma, &e, 0, f));
}

static void
watch_signals(struct nhrp_tool *t)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		ev_signal_init(&t->sig[i], on_signal, signals[i]);
		t->sig[i].data = t;
		ev_signal_start(t->loop, &t->sig[i]);
	}
}

int
nhrp_tool_output(struct nhrp_tool *t, const char *path, struct fault *f)
{
	return ((t->out = sa_out_open(path, f)) != NULL ? 0 : -1);
}

int
nhrp_tool_open(struct nhrp_tool *t, const struct nhrp_opts *o, unsigned wants, const struct addr *toward,
    const struct nhrp_tool_calls *calls, void *ctx, struct fault *f)
{
	uint8_t id[4];

	t->calls = calls;
	t->ctx = ctx;
	t->node.source = prog_name();
	t->node.tun = t->tun;
	t->node.holding = (uint16_t)o->holding;
	t->node.sink = (struct nhrp_sink){ on_send, on_binding, on_event, t };
	(void)snprintf(t->tun, sizeof(t->tun), "%s", o->tun);
	if (numeric_parse(&t->node.proto, o->address, "--address", f) != 0 || read_secret(t, o, f) != 0)
		return (-1);
	if (rand_system.fill(NULL, id, sizeof(id)) != 0)
		return (fault(f, FAULT_CRYPTO, "no random numbers"));
	t->node.id = get_be32(id);
	if ((t->loop = loop_make(false, f)) == NULL)
		return (-1);
	watch_signals(t);
	if ((t->gre = gre_attach(o->tun, wants, NHRP_TOOL_WAIT_MS, f)) == NULL || own_nbma(t, toward, f) != 0)
		return (-1);
	ev_io_init(&t->on_gre, on_gre, gre_attach_fd(t->gre), EV_READ);
	ev_io_init(&t->on_out, on_out_ready, 0, EV_READ);
	ev_timer_init(&t->timer, on_timer, 0.0, 0.0);
	ev_timer_init(&t->look, on_look, LOOK_S, LOOK_S);
	t->on_gre.data = t->on_out.data = t->timer.data = t->look.data = t;
	if (t->toward.family != 0 && calls->ready != NULL)
		ev_timer_start(t->loop, &t->look);
	ev_io_start(t->loop, &t->on_gre);
	loop_watch_out(t->loop, &t->on_out, t->out);
	return (0);
}

int
nhrp_tool_confine(const char *user, bool netlink, struct fault *f)
{
	return (priv_drop(user, 0, f) < 0 ||
	    sandbox_enter(netlink ? SANDBOX_DATAPATH : SANDBOX_NEGOTIATOR, f) < 0 ? -1 : 0);
}

void
nhrp_tool_run(struct nhrp_tool *t)
{
	arm(t);
	if (t->why.code == FAULT_NONE)
		ev_run(t->loop, 0);
	/* A reader of records that has gone ends the tool too: it withdraws what it has registered. */
	if (t->calls->stop != NULL && (t->stopped || t->why.code == FAULT_READER_GONE))
		t->calls->stop(t->ctx, now());
}

void
nhrp_tool_end(struct nhrp_tool *t)
{
	ev_break(t->loop, EVBREAK_ALL);
}

enum exit_status
nhrp_tool_status(struct nhrp_tool *t)
{
	struct fault f = {0};

	if (t->out != NULL && (sa_out_drain(t->out, DRAIN_MS, &f) != 0 || sa_out_commit(t->out, &f) != 0) &&
	    t->why.code == FAULT_NONE)
		t->why = f;
	return (t->why.code == FAULT_NONE ? EXIT_DONE : report_fault(&t->why));
}

void
nhrp_tool_close(struct nhrp_tool *t)
{
	gre_attach_free(t->gre);
	sa_out_close(t->out);
	secret_free(&t->node.auth.secret);
	if (t->loop != NULL)
		ev_loop_destroy(t->loop);
}
