/*
 * Reads of several packets from a TUN device in one system call (io_uring). Where a system call is expensive, that is most of what a small
 * packet costs. The ring can do nothing but read, whatever the process can do: a seccomp filter does not see what is asked for in a ring.
 */
#ifndef SAPIPE_NET_TUN_RING_H
#define SAPIPE_NET_TUN_RING_H

#include <sys/uio.h>

#define TUN_RING	32	/* reads in one call, at most */

struct tun_ring;

/*
 * NULL: this kernel has no such ring, or does not let us use one, or cannot read ${fd}, a nonblocking descriptor without packets, in it
 * without waiting; or there is no memory. It belongs into the time before a seccomp filter.
 */
struct tun_ring *tun_ring_new(int fd);
void tun_ring_free(struct tun_ring *r);	/* harmless on NULL */

/*
 * Reads from ${fd} once for each of the ${n} (at most TUN_RING) buffers of ${at}, in their order, without waiting; sets ${res} to what
 * read() returns, or -errno. 0; -1 with errno: the ring is of no more use, and what it had read is lost. One thread at a time.
 */
int tun_ring_read(struct tun_ring *r, int fd, const struct iovec *at, size_t n, int *res);

#endif
