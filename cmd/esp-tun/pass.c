/*
 * --pass: the records of NHRP that were read, each when the SAs before it are in use, and which peers GRE reaches, on standard
 * output. The tunnel comes first: a reader that is gone or reads nothing ends the passing on, and nothing else. A binding to a peer whose
 * SA is unusable waits for another SA: who acts by it would send in clear.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/loop.h"
#include "esp_tun.h"
#include "os/clock.h"
#include "os/record_out.h"

#define PASS_PEERS	512	/* with an unusable SA that are remembered; the oldest makes room */
#define PASS_HELD	512	/* bindings that wait; the oldest is lost */

struct pass {
	struct ev_loop	*loop;
	struct sa_out	*out;		/* NULL: the reader is gone */
	ev_io		 io;
	struct clock	 clock;
	struct addr	 unusable[PASS_PEERS];	/* family 0: free */
	size_t		 next_unusable;
	struct sa_nhrp_binding *held[PASS_HELD];	/* the first ${n_held} */
	size_t		 n_held;
};

static void
watch(struct pass *p)
{
	if (p->loop != NULL)
		loop_watch_out(p->loop, &p->io, p->out);
}

/* The reader then finds the end of its input, and does not go on with what is no longer true. */
static void
give_up(struct pass *p, const struct fault *f)
{
	report_warn("--pass: %s: no more records are passed on, and the tunnel stays up", f->what);
	sa_out_close(p->out);
	p->out = NULL;
}

static void
on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct pass *p = w->data;
	struct fault f = {0};

	(void)loop, (void)revents;
	if (p->out != NULL && sa_out_ready(p->out, &f) != 0)
		give_up(p, &f);
	watch(p);
}

struct pass *
pass_open(struct fault *f)
{
	struct pass *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for --pass");
		return (NULL);
	}
	ev_init(&p->io, on_ready);
	p->io.data = p;
	if ((p->out = sa_out_open(NULL, f)) == NULL) {
		free(p);
		return (NULL);
	}
	/* What a script prints is no record; and the reader finds the end of its input when ours is closed. */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) == -1) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot pass records on");
		pass_close(p);
		return (NULL);
	}
	return (p);
}

void
pass_watch(struct pass *p, struct ev_loop *loop)
{
	if (p == NULL)
		return;
	p->loop = loop;
	watch(p);
}

static void
write_record(struct pass *p, const struct sa_rec *r)
{
	struct fault f = {0};

	if (p->out != NULL && sa_out_put(p->out, r, &f) != 0)
		give_up(p, &f);
	watch(p);
}

/* --- bindings that wait --- */

static struct addr *
find_unusable(struct pass *p, const struct addr *peer)
{
	for (size_t i = 0; i < PASS_PEERS; i++)
		if (addr_cmp(&p->unusable[i], peer) == 0)
			return (&p->unusable[i]);
	return (NULL);
}

static void
unhold(struct pass *p, size_t i)
{
	free(p->held[i]);
	memmove(&p->held[i], &p->held[i + 1], (--p->n_held - i) * sizeof(p->held[0]));
}

static void
hold(struct pass *p, const struct sa_nhrp_binding *b)
{
	char proto[ADDR_TEXT], nbma[ADDR_TEXT];
	struct sa_nhrp_binding *copy = malloc(sizeof(*copy));

	report_say(0, "--pass: the binding of %s/%u waits: no SA with %s can be used", addr_text(proto, &b->proto), b->prefix,
	    addr_text(nbma, sa_binding_nbma(b)));
	if (copy == NULL)
		return;
	*copy = *b;
	if (p->n_held == PASS_HELD)
		unhold(p, 0);
	p->held[p->n_held++] = copy;
}

/* A newer record of the same binding replaces one that waits. */
static void
forget(struct pass *p, const struct sa_nhrp_binding *b)
{
	for (size_t i = p->n_held; i-- > 0;)
		if (p->held[i]->prefix == b->prefix && addr_cmp(&p->held[i]->proto, &b->proto) == 0 && strcmp(p->held[i]->tun, b->tun) == 0)
			unhold(p, i);
}

/* There is an SA with ${peer} now. */
static void
release(struct pass *p, const struct addr *peer)
{
	struct addr *known = find_unusable(p, peer);
	const uint64_t now = clock_now(&p->clock).epoch;
	struct sa_rec r = { .type = SA_NHRP_BINDING };
	size_t i = 0;

	if (known != NULL)
		*known = (struct addr){0};
	while (i < p->n_held) {
		if (addr_cmp(sa_binding_nbma(p->held[i]), peer) != 0) {
			i++;
			continue;
		}
		r.binding = *p->held[i];
		unhold(p, i);
		if (r.binding.expires > now)
			write_record(p, &r);
	}
}

void
pass_unusable(struct pass *p, const struct addr *peer)
{
	if (p != NULL && p->out != NULL && find_unusable(p, peer) == NULL)
		p->unusable[p->next_unusable++ % PASS_PEERS] = *peer;
}

/* --- records --- */

void
pass_record(struct pass *p, const struct sa_rec *r, bool reached)
{
	const struct sa_nhrp_binding *b = &r->binding;

	if (p == NULL || p->out == NULL)
		return;
	if (r->type == SA_NHRP_BINDING) {
		forget(p, b);
		if (b->holding != 0 && !reached && sa_binding_nbma(b)->family != 0 && find_unusable(p, sa_binding_nbma(b)) != NULL) {
			hold(p, b);
			return;
		}
	}
	write_record(p, r);
}

void
pass_peer(struct pass *p, const struct addr *peer, bool up)
{
	struct sa_rec r = { .type = SA_EVENT, .event = { .what = up ? SA_EVENT_UP : SA_EVENT_DOWN, .has_remote = true,
	    .remote.addr = *peer } };

	if (p == NULL || p->out == NULL)
		return;
	r.event.time = clock_now(&p->clock).epoch;
	(void)snprintf(r.event.source, sizeof(r.event.source), "%s", prog_name());
	write_record(p, &r);
	if (up)
		release(p, peer);
}

void
pass_close(struct pass *p)
{
	if (p == NULL)
		return;
	if (p->loop != NULL)
		ev_io_stop(p->loop, &p->io);
	sa_out_close(p->out);
	while (p->n_held > 0)
		unhold(p, p->n_held - 1);
	free(p);
}
