/* Reads of several packets in one system call. */
#include "net/tun_ring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

struct tun_ring {
	struct io_uring u;
};

/* From here on the ring reads, and does nothing else. 0, or -1: a kernel before 5.10. The library has calls of its own, not all exported. */
static int
only_reads(struct io_uring *u)
{
	struct io_uring_restriction r = { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ };

	return (io_uring_register((unsigned)u->ring_fd, IORING_REGISTER_RESTRICTIONS, &r, 1) == 0 &&
	    io_uring_register((unsigned)u->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0 ? 0 : -1);
}

/* Whether a read of ${fd} can end at once when there is nothing: with a TUN device since Linux 6.4. */
static bool
does_not_wait(struct tun_ring *r, int fd)
{
	char b[1];
	struct iovec at = { b, sizeof(b) };
	int res;

	return (tun_ring_read(r, fd, &at, 1, &res) == 0 && res == -EAGAIN);
}

struct tun_ring *
tun_ring_new(int fd)
{
	struct tun_ring *r = malloc(sizeof(*r));

	if (r == NULL || io_uring_queue_init(TUN_RING, &r->u, IORING_SETUP_R_DISABLED) != 0) {
		free(r);
		return (NULL);
	}
	if (io_uring_ring_dontfork(&r->u) != 0 || only_reads(&r->u) != 0 || !does_not_wait(r, fd)) {
		tun_ring_free(r);
		return (NULL);
	}
	return (r);
}

void
tun_ring_free(struct tun_ring *r)
{
	if (r != NULL)
		io_uring_queue_exit(&r->u);
	free(r);
}

static void
take(struct tun_ring *r, size_t n, int *res, size_t *done)
{
	struct io_uring_cqe *c;

	while (io_uring_peek_cqe(&r->u, &c) == 0) {
		if (c->user_data < n)
			res[c->user_data] = c->res;
		io_uring_cqe_seen(&r->u, c);
		++*done;
	}
}

int
tun_ring_read(struct tun_ring *r, int fd, const struct iovec *at, size_t n, int *res)
{
	struct io_uring_sqe *s;
	size_t done = 0, i;
	int rc;

	for (i = 0; i < n; i++) {
		if ((s = io_uring_get_sqe(&r->u)) == NULL) {	/* never: all of the last call are done */
			errno = EBUSY;
			return (-1);
		}
		io_uring_prep_read(s, fd, at[i].iov_base, (unsigned)at[i].iov_len, 0);
		s->rw_flags = RWF_NOWAIT;	/* O_NONBLOCK is not enough: the ring would wait */
		s->user_data = i;
	}
	while (done < n) {
		if ((rc = io_uring_submit_and_wait(&r->u, (unsigned)(n - done))) < 0 && rc != -EINTR) {
			errno = -rc;
			return (-1);
		}
		take(r, n, res, &done);
	}
	return (0);
}
