/* The owner's side of a shared GRE device: tools come, get packets, hand over theirs, and go. */
#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gre/attach_priv.h"
#include "os/unixsock.h"

#define TYPE_AT		17	/* of the packet type in NHRP (RFC 2332, 5.2.0.1: 20 bytes of fixed part) */
#define TURN		32	/* packets of one tool, before others have their turn */

struct tool {
	struct gre_hub	*hub;
	ev_io		 io;
	int		 fd;
	bool		 greeted;
	unsigned	 wants;
};

struct gre_hub {
	struct ev_loop	*loop;
	gre_hub_send_fn	 send;
	void		*ctx;
	struct gre_info	 info;
	char		 name[ATTACH_NAME];
	uid_t		 uid;
	ev_io		 io;
	int		 fd;
	struct tool	*tools[GRE_ATTACH_TOOLS];
	unsigned	 taken;		/* what they have of all that one can want: asked for each packet */
	uint64_t	 lost;
	uint8_t		 buf[ATTACH_MSG];
};

static void
count_wants(struct gre_hub *h)
{
	h->taken = 0;
	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		if (h->tools[i] != NULL)
			h->taken |= h->tools[i]->wants;
}

static void
hang_up(struct tool *t)
{
	struct gre_hub *h = t->hub;

	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		if (h->tools[i] == t)
			h->tools[i] = NULL;
	count_wants(h);
	ev_io_stop(h->loop, &t->io);
	(void)close(t->fd);
	free(t);
}

static void
tell(struct tool *t, enum attach_kind kind, unsigned wants)
{
	const struct attach_head head = { .version = ATTACH_VERSION, .kind = (uint8_t)kind, .wants = (uint8_t)wants,
	    .info = t->hub->info };

	if (attach_put(t->fd, &head, SPAN_NONE) != 0)
		t->hub->lost++;
}

/* A tool's greeting. False: it is refused. */
static bool
welcome(struct tool *t, const struct attach_head *head)
{
	unsigned both = t->hub->taken & head->wants;

	if (t->greeted)
		return (true);
	if (head->version == ATTACH_VERSION && both != 0) {
		tell(t, ATTACH_REFUSED, both);
		return (false);
	}
	/* Of another version: it learns that from the answer. */
	tell(t, ATTACH_INFO, 0);
	t->wants = head->wants;
	count_wants(t->hub);
	t->greeted = true;
	return (head->version == ATTACH_VERSION);
}

static void
on_tool(struct ev_loop *loop, ev_io *w, int revents)
{
	struct tool *t = w->data;
	struct gre_hub *h = t->hub;
	struct attach_head head;
	struct span data;
	int rc = 1, n;

	(void)loop, (void)revents;
	for (n = 0; n < TURN && (rc = attach_get(t->fd, h->buf, &head, &data)) > 0; n++) {
		if (head.kind == ATTACH_HELLO ? !welcome(t, &head) : !t->greeted) {
			rc = -1;
			break;
		}
		if (head.kind == ATTACH_NHRP && head.nbma.family != 0)
			h->send(h->ctx, &head.nbma, data);
	}
	if (rc < 0)
		hang_up(t);
}

static void
on_listener(struct ev_loop *loop, ev_io *w, int revents)
{
	struct gre_hub *h = w->data;
	const struct attach_head full = { .version = ATTACH_VERSION, .kind = ATTACH_REFUSED, .info = h->info };
	int fd = unixsock_accept(h->fd, h->uid);
	struct tool *t = NULL;
	size_t i;

	(void)revents;
	if (fd == -1)
		return;
	for (i = 0; i < GRE_ATTACH_TOOLS && h->tools[i] != NULL; i++)
		continue;
	if (i == GRE_ATTACH_TOOLS || (t = calloc(1, sizeof(*t))) == NULL) {
		(void)attach_put(fd, &full, SPAN_NONE);
		(void)close(fd);
		return;
	}
	t->hub = h;
	t->fd = fd;
	h->tools[i] = t;
	ev_io_init(&t->io, on_tool, fd, EV_READ);
	t->io.data = t;
	ev_io_start(loop, &t->io);
}

struct gre_hub *
gre_hub_open(struct ev_loop *loop, const struct gre_info *info, gre_hub_send_fn send, void *ctx, struct fault *f)
{
	struct gre_hub *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory for the tools of a GRE device");
		return (NULL);
	}
	h->loop = loop;
	h->send = send;
	h->ctx = ctx;
	h->info = *info;
	h->uid = geteuid();
	if (attach_name(h->name, info->tun, f) != 0 || (h->fd = unixsock_listen_packets(h->name, f)) == -1) {
		free(h);
		return (NULL);
	}
	ev_io_init(&h->io, on_listener, h->fd, EV_READ);
	h->io.data = h;
	ev_io_start(loop, &h->io);
	return (h);
}

void
gre_hub_free(struct gre_hub *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		if (h->tools[i] != NULL)
			hang_up(h->tools[i]);
	ev_io_stop(h->loop, &h->io);
	(void)close(h->fd);
	unixsock_remove(h->name);
	free(h);
}

void
gre_hub_info(struct gre_hub *h, const struct gre_info *info)
{
	h->info = *info;
	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		if (h->tools[i] != NULL && h->tools[i]->greeted)
			tell(h->tools[i], ATTACH_INFO, 0);
}

/* Whether ${nhrp} answers a question: a resolution, registration or purge reply, or an error indication. */
static bool
is_answer(struct span nhrp)
{
	uint8_t type = nhrp.len > TYPE_AT ? nhrp.p[TYPE_AT] : 0;

	return (type == 2 || type == 4 || type == 6 || type == 7);
}

size_t
gre_hub_give(struct gre_hub *h, const struct gre_msg *m)
{
	static const struct { uint8_t kind; uint8_t needs; } of[] = {
		[GRE_MSG_NHRP] = { ATTACH_NHRP, GRE_SERVES },
		[GRE_MSG_SAMPLE] = { ATTACH_SAMPLE, GRE_SAMPLES },
		[GRE_MSG_WANTED] = { ATTACH_WANTED, GRE_SERVES },
		[GRE_MSG_USED] = { ATTACH_USED, GRE_USES },
	};
	const struct attach_head head = { .version = ATTACH_VERSION, .kind = of[m->kind].kind, .proto = m->proto, .nbma = m->nbma,
	    .to = m->to };
	unsigned needs = m->kind == GRE_MSG_NHRP && is_answer(m->data) ? 0 : of[m->kind].needs;
	struct span data = span_of(m->data.p, m->data.len < GRE_ATTACH_MAX ? m->data.len : GRE_ATTACH_MAX);
	size_t i, n = 0;

	for (i = 0; i < GRE_ATTACH_TOOLS; i++) {
		const struct tool *t = h->tools[i];

		if (t == NULL || !t->greeted || (t->wants & needs) != needs)
			continue;
		if (attach_put(t->fd, &head, data) == 0)
			n++;
		else
			h->lost++;
	}
	return (n);
}

size_t
gre_hub_tools(const struct gre_hub *h)
{
	size_t n = 0;

	for (size_t i = 0; i < GRE_ATTACH_TOOLS; i++)
		n += h->tools[i] != NULL;
	return (n);
}

bool
gre_hub_samples(const struct gre_hub *h)
{
	return ((h->taken & GRE_SAMPLES) != 0);
}

bool
gre_hub_uses(const struct gre_hub *h)
{
	return ((h->taken & GRE_USES) != 0);
}

uint64_t
gre_hub_lost(const struct gre_hub *h)
{
	return (h->lost);
}
