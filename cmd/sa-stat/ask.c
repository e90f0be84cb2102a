/* Asks the control socket of a data path, and collects the answer. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/prog_name.h"
#include "os/clock.h"
#include "sa/codec.h"
#include "stat.h"

#define ANSWER_MS	5000		/* for each next piece of it */
#define ANSWER_MAX	(256u << 20)	/* bytes: far more than any number of SAs has */

static int
closed(struct fault *f)
{
	return (fault_because(f, CAUSE_CONTROL, fault(f, FAULT_UNREACHABLE, "the tool has closed the connection")));
}

static int
ask(int fd, enum sa_event_kind what, struct fault *f)
{
	struct sa_rec q = { .type = SA_EVENT, .event = { .what = what,
	    .time = clock_now(NULL).epoch } };
	uint8_t buf[256];
	size_t len;

	(void)snprintf(q.event.source, sizeof(q.event.source), "%s", prog_name());
	len = sa_encode_into(buf, sizeof(buf), &q);
	/* A few bytes into an empty socket: written whole, or not at all. */
	if (len > 0 && write(fd, buf, len) == (ssize_t)len)
		return (0);
	return (closed(f));
}

static int
grow(struct stat_report *r, struct fault *f)
{
	size_t room = r->room == 0 ? 2 * SA_REC_BYTES : 2 * r->room;
	uint8_t *more;

	if (room > ANSWER_MAX || (more = realloc(r->bytes, room)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for the answer"));
	r->bytes = more;
	r->room = room;
	return (0);
}

/* Reads more of the answer, behind what there is. 0, or -1 with a fault. */
static int
read_more(int fd, struct stat_report *r, struct fault *f)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc = poll(&p, 1, ANSWER_MS);
	ssize_t n;

	if (rc == -1 && errno == EINTR)
		return (fault(f, FAULT_NO_REPLY, "interrupted"));
	if (rc == 0)
		return (fault_because(f, CAUSE_CONTROL, fault(f, FAULT_NO_REPLY, "the tool has not answered for %d s",
		    ANSWER_MS / 1000)));
	if (r->len == r->room && grow(r, f) != 0)
		return (-1);
	n = read(fd, r->bytes + r->len, r->room - r->len);
	if (n <= 0)
		return (closed(f));
	r->len += (size_t)n;
	return (0);
}

/* An SA, or a next hop, ends at ${end}. */
static int
add(struct stat_report *r, size_t end, struct fault *f)
{
	if (r->n == r->cap) {
		size_t cap = r->cap == 0 ? 64 : 2 * r->cap;
		size_t *more = realloc(r->end, cap * sizeof(*more));

		if (more == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for the answer"));
		r->end = more;
		r->cap = cap;
	}
	r->end[r->n++] = end;
	return (0);
}

/* Takes the record at ${*off}, moves it on. 1: it was the last one; 0: go on; -1 with a fault. */
static int
take(struct stat_report *r, size_t *off, long len, const struct sa_rec *rec, struct fault *f)
{
	switch (rec->type) {
	case SA_STAT:
	case SA_NEXT_HOP:
		*off += (size_t)len;
		return (add(r, *off, f));
	case SA_TUN_STAT:
		r->tun = rec->tun_stat;
		return (1);
	case SA_EVENT:
		return (fault(f, FAULT_PROTOCOL, "the tool refuses: %s", rec->event.text));
	default:	/* of a newer version: left out */
		memmove(r->bytes + *off, r->bytes + *off + len, r->len - *off - (size_t)len);
		r->len -= (size_t)len;
		return (0);
	}
}

int
stat_ask(int fd, enum sa_event_kind what, struct stat_report *r, struct fault *f)
{
	struct sa_rec rec;
	size_t off = 0;
	long len;
	int rc = 0;

	r->n = r->len = 0;
	if (ask(fd, what, f) != 0)
		return (-1);
	while (rc == 0) {
		len = sa_decode(&rec, r->len > off ? span_of(r->bytes + off, r->len - off) : SPAN_NONE, f);
		if (len < 0)
			return (-1);
		rc = len == 0 ? read_more(fd, r, f) : take(r, &off, len, &rec, f);
		sa_rec_wipe(&rec);
	}
	return (rc < 0 ? -1 : 0);
}

void
stat_sa(const struct stat_report *r, size_t i, struct sa_stat *s)
{
	size_t from = i == 0 ? 0 : r->end[i - 1];
	struct sa_rec rec;
	struct fault f;

	/* It was decoded before; an empty one is what is left if that changes. */
	*s = (struct sa_stat){0};
	if (sa_decode(&rec, span_of(r->bytes + from, r->end[i] - from), &f) > 0 && rec.type == SA_STAT)
		*s = rec.stat;
}

void
stat_hop(const struct stat_report *r, size_t i, struct sa_next_hop *h)
{
	size_t from = i == 0 ? 0 : r->end[i - 1];
	struct sa_rec rec;
	struct fault f;

	*h = (struct sa_next_hop){0};
	if (sa_decode(&rec, span_of(r->bytes + from, r->end[i] - from), &f) > 0 && rec.type == SA_NEXT_HOP)
		*h = rec.next_hop;
}

void
stat_free(struct stat_report *r)
{
	free(r->bytes);
	free(r->end);
	*r = (struct stat_report){0};
}
