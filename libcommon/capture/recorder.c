/* The recorder's process, and the data path's side of its socket. */
#include "capture/recorder.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "os/priv.h"
#include "os/sandbox.h"

#define BATCH		64
#define ROOM		(4 * 1024 * 1024)	/* bytes that may be on their way to a disk */
#define MARKER_MAX	8
#define PROTO_TCP	6
#define PROTO_UDP	17
#define PROTO_ESP	50
#define PROTO_AH	51
#define PROTO_WHOLE	0

/* Goes before the payload of each. */
struct head {
	uint64_t	 time_us;
	uint8_t		 way, proto, marker;	/* proto PROTO_WHOLE: an IP packet as it is */
	struct endpoint	 src, dst;
	char		 comment[RECORDER_COMMENT];
};

/* --- the process --- */

static int
put(struct pcapng *w, const struct head *h, struct span data, struct fault *f)
{
	static const uint8_t zero[MARKER_MAX];

	if (h->proto == PROTO_WHOLE)
		return (pcapng_put(w, h->time_us, (enum pcapng_way)h->way, data, h->comment, f));
	if (h->proto == PROTO_UDP)
		return (pcapng_put_udp(w, h->time_us, (enum pcapng_way)h->way, &h->src, &h->dst,
		    span_of(zero, h->marker), data, h->comment, f));
	return (pcapng_put_payload(w, h->time_us, (enum pcapng_way)h->way, &h->src.addr, &h->dst.addr,
	    h->proto, data, h->comment, f));
}

static int
confine(const struct recorder_task *task, struct fault *f)
{
	return (priv_drop(task->user, 0, f) < 0 || sandbox_enter(SANDBOX_NEGOTIATOR, f) < 0 ? -1 : 0);
}

void
recorder_serve(void *task, int fd)
{
	const struct recorder_task *t = task;
	struct { struct head h; uint8_t data[65536]; } *m = calloc(1, sizeof(*m));
	struct fault f = {0};
	struct pcapng *w = NULL;
	ssize_t n;

	/* A limit on the size of files is a full disk to us. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (m == NULL)
		(void)fault(&f, FAULT_MEMORY, "no memory for a capture");
	else if ((w = pcapng_open(t->path, t->tool, &f)) != NULL) {
		t->wide(t->path, pcapng_wide_mode(w));
		if (confine(t, &f) == 0)
			f.code = FAULT_NONE;
	}
	(void)send(fd, &f, sizeof(f), MSG_NOSIGNAL);
	while (m != NULL && f.code == FAULT_NONE) {
		n = recv(fd, m, sizeof(*m), 0);
		/* Reset: the other end went with something of ours unread; what it sent is here. */
		if (n == -1 && (errno == EINTR || errno == ECONNRESET))
			continue;
		if (n < (ssize_t)sizeof(m->h))
			break;
		m->h.comment[RECORDER_COMMENT - 1] = '\0';
		/* One that is too long for a datagram is left out; all else is the end. */
		if (put(w, &m->h, span_of(m->data, (size_t)n - sizeof(m->h)), &f) != 0 &&
		    f.code != FAULT_TOO_LARGE)
			(void)send(fd, &f, sizeof(f), MSG_NOSIGNAL);
		else
			f.code = FAULT_NONE;
	}
	pcapng_close(w);
	free(m);
}

/* --- its other end --- */

int
recorder_open(struct recorder *r, int fd, struct fault *f)
{
	int room = ROOM;

	*r = (struct recorder){ .fd = fd };
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (recv(fd, f, sizeof(*f), 0) != sizeof(*f))
		(void)fault(f, FAULT_SYSTEM, "the recorder has ended");
	if (f->code == FAULT_NONE)
		return (0);
	r->fd = -1;
	return (-1);
}

/* Describes ${k}; returns what of it is to be written. */
static struct iovec
describe(struct head *h, enum pcapng_way way, const struct pkt *k, const char comment[RECORDER_COMMENT])
{
	bool whole = k->proto == PROTO_AH && k->net > 0, in = way == PCAPNG_IN;
	size_t before = whole ? k->net : 0;

	h->time_us = k->time_us;
	h->way = (uint8_t)way;
	/* Of a TCP segment only the ESP inside is here. */
	h->proto = whole ? PROTO_WHOLE : k->proto == PROTO_TCP ? PROTO_ESP : k->proto;
	h->marker = k->marker < MARKER_MAX ? k->marker : MARKER_MAX;
	h->src = in ? k->remote : k->local;
	h->dst = in ? k->local : k->remote;
	memcpy(h->comment, comment, sizeof(h->comment));
	return ((struct iovec){ k->p - before, k->len + before });
}

void
recorder_put(struct recorder *r, enum pcapng_way way, const struct pkt *const *pkts,
    const char (*comments)[RECORDER_COMMENT], size_t n)
{
	struct head h[BATCH];
	struct iovec iov[BATCH][2];
	struct mmsghdr m[BATCH];
	size_t i, done = 0;
	int rc;

	if (r->fd == -1 || n == 0)
		return;
	if (n > BATCH)
		n = BATCH;
	memset(m, 0, n * sizeof(m[0]));
	memset(h, 0, n * sizeof(h[0]));
	for (i = 0; i < n; i++) {
		iov[i][1] = describe(&h[i], way, pkts[i], comments[i]);
		iov[i][0] = (struct iovec){ &h[i], sizeof(h[i]) };
		m[i].msg_hdr.msg_iov = iov[i];
		m[i].msg_hdr.msg_iovlen = 2;
	}
	while (done < n) {
		rc = sendmmsg(r->fd, m + done, (unsigned)(n - done), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (rc > 0)
			done += (size_t)rc;
		else if (errno != EINTR)
			break;		/* full, or gone: recorder_broken() tells */
	}
	r->sent += done;
	r->lost += n - done;
}

int
recorder_broken(struct recorder *r, struct fault *f)
{
	ssize_t n;

	if (r->fd == -1)
		return (0);
	n = recv(r->fd, f, sizeof(*f), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n != sizeof(*f))
		(void)fault(f, FAULT_SYSTEM, "the recorder of packets has ended");
	r->fd = -1;
	return (-1);
}
