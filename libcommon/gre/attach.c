/* The tools' side of a shared GRE device. */
#include "gre/attach.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "gre/attach_priv.h"
#include "os/unixsock.h"

#define RETRY_MS	20	/* between attempts to reach the owner */
#define ANSWER_MS	2000	/* for the owner's answer */

struct gre_attach {
	int		fd;
	struct gre_info	info;
	uint8_t		buf[ATTACH_MSG];
};

/* Connects; waits for an owner that is about to come. -1 with a fault. */
static int
reach(const char *name, const char *tun, unsigned wait_ms, struct fault *f)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	unsigned waited;
	int fd;

	for (waited = 0; (fd = unixsock_connect_packets(name, f)) == -1; waited += RETRY_MS) {
		/* CONFIG: there is no socket; UNREACHABLE: one that a killed process has left. */
		if (f->code != FAULT_CONFIG && f->code != FAULT_UNREACHABLE)
			return (-1);
		if (waited >= wait_ms)
			return (fault_because(f, CAUSE_GRE_OWNER,
			    fault(f, FAULT_UNREACHABLE, "no process owns a GRE device %s", tun)));
		(void)nanosleep(&pause, NULL);
	}
	return (fd);
}

/* The owner's answer to our greeting. 0, or -1 with a fault. */
static int
greet(struct gre_attach *a, const char *tun, unsigned wants, struct fault *f)
{
	struct attach_head h = { .version = ATTACH_VERSION, .kind = ATTACH_HELLO, .wants = (uint8_t)wants };
	struct pollfd p = { .fd = a->fd, .events = POLLIN };
	struct span data;
	int rc;

	/* An owner that refuses may have closed already: its answer is there, behind an error. */
	(void)attach_put(a->fd, &h, SPAN_NONE);
	while ((rc = poll(&p, 1, ANSWER_MS)) == -1 && errno == EINTR)
		continue;
	if (rc > 0 && (rc = attach_get(a->fd, a->buf, &h, &data)) == -1)
		rc = attach_get(a->fd, a->buf, &h, &data);
	if (rc <= 0)
		return (fault(f, FAULT_UNREACHABLE, "the owner of GRE device %s does not answer", tun));
	if (h.version != ATTACH_VERSION)
		return (fault(f, FAULT_WRONG_VERSION, "the owner of GRE device %s is of another version", tun));
	if (h.kind == ATTACH_REFUSED)
		return (fault(f, FAULT_CLAIMED, h.wants == 0 ? "GRE device %s has too many tools already" :
		    (h.wants & (GRE_SERVES | GRE_USES)) != 0 ? "another tool answers the requests of GRE device %s" :
		    "another tool has the samples of GRE device %s", tun));
	if (h.kind != ATTACH_INFO)
		return (fault(f, FAULT_UNREACHABLE, "the owner of GRE device %s does not answer", tun));
	a->info = h.info;
	return (0);
}

struct gre_attach *
gre_attach(const char *tun, unsigned wants, unsigned wait_ms, struct fault *f)
{
	struct gre_attach *a;
	char name[ATTACH_NAME];

	if (attach_name(name, tun, f) != 0)
		return (NULL);
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		(void)fault(f, FAULT_MEMORY, "no memory to attach to a GRE device");
		return (NULL);
	}
	if ((a->fd = reach(name, tun, wait_ms, f)) == -1 || greet(a, tun, wants, f) != 0) {
		gre_attach_free(a);
		return (NULL);
	}
	return (a);
}

void
gre_attach_free(struct gre_attach *a)
{
	if (a == NULL)
		return;
	if (a->fd != -1)
		(void)close(a->fd);
	free(a);
}

int
gre_attach_fd(const struct gre_attach *a)
{
	return (a->fd);
}

const struct gre_info *
gre_attach_info(const struct gre_attach *a)
{
	return (&a->info);
}

int
gre_attach_receive(struct gre_attach *a, struct gre_msg *m, struct fault *f)
{
	struct attach_head h;
	struct span data;
	int rc;

	while ((rc = attach_get(a->fd, a->buf, &h, &data)) > 0) {
		*m = (struct gre_msg){ .nbma = h.nbma, .to = h.to, .proto = h.proto, .data = data };
		switch (h.kind) {
		case ATTACH_NHRP:
			m->kind = GRE_MSG_NHRP;
			return (1);
		case ATTACH_SAMPLE:
			m->kind = GRE_MSG_SAMPLE;
			return (1);
		case ATTACH_WANTED:
			m->kind = GRE_MSG_WANTED;
			return (1);
		case ATTACH_USED:
			m->kind = GRE_MSG_USED;
			return (1);
		case ATTACH_INFO:
			a->info = h.info;
			m->kind = GRE_MSG_INFO;
			return (1);
		default:
			break;
		}
	}
	return (rc == 0 ? 0 : fault(f, FAULT_UNREACHABLE, "the owner of GRE device %s has ended", a->info.tun));
}

bool
gre_use_get(const struct gre_msg *m, size_t i, struct addr *nbma)
{
	const uint8_t *p;

	if (m->kind != GRE_MSG_USED || i >= m->data.len / GRE_USE_BYTES)
		return (false);
	p = m->data.p + i * GRE_USE_BYTES;
	*nbma = p[0] == 4 || p[0] == 6 ? addr_make(p[0], p + 1) : (struct addr){0};
	return (true);
}

int
gre_attach_send(struct gre_attach *a, const struct addr *nbma, struct span nhrp, struct fault *f)
{
	const struct attach_head h = { .version = ATTACH_VERSION, .kind = ATTACH_NHRP, .nbma = *nbma };

	if (nhrp.len > GRE_ATTACH_MAX)
		return (fault(f, FAULT_TOO_LARGE, "an NHRP packet of %zu bytes: %d are possible", nhrp.len, GRE_ATTACH_MAX));
	if (attach_put(a->fd, &h, nhrp) == 0)
		return (0);
	if (errno == EPIPE || errno == ECONNRESET)
		return (fault(f, FAULT_UNREACHABLE, "the owner of GRE device %s has ended", a->info.tun));
	return (fault_sys(f, FAULT_SYSTEM, "cannot hand a packet to the owner of GRE device %s", a->info.tun));
}
