/* The TUN device. */
#include "net/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/biglock.h"
#include "net/tun_name.h"

#define AUTO_NAME	"vpn%d"
#define TUN_SHORT	2048	/* bytes; after a longer packet the next read asks for one */

_Static_assert(TUN_HEADROOM == sizeof(struct virtio_net_hdr), "room for the header of the device");

/* "device vpn7"; the kernel chooses the number that AUTO_NAME stands for. */
static int
cannot_make(enum fault_code code, const char *name, struct fault *f)
{
	return (strcmp(name, AUTO_NAME) == 0 ? fault_sys(f, code, "cannot create a TUN device") :
	    fault_sys(f, code, "cannot create TUN device %s", name));
}

/* Whether the driver of ${name} is that of TUN devices. TAP devices have the same name, and another bus. */
static bool
is_tun(const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (char *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd == -1)
		return (false);
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	yes = ioctl(fd, SIOCETHTOOL, &ifr) == 0 && strcmp(info.driver, "tun") == 0 && strcmp(info.bus_info, "tun") == 0;
	(void)close(fd);
	return (yes);
}

static int
attach_failed(const char *name, struct fault *f)
{
	switch (errno) {
	case EPERM:
	case EACCES:
		return (fault_because(f, CAUSE_TUN, cannot_make(FAULT_PERMISSION, name, f)));
	case EBUSY:
		return (fault_because(f, CAUSE_NAME_IN_USE,
		    fault_sys(f, FAULT_DEVICE, "interface %s is in use by another program", name)));
	case EINVAL:
	case EEXIST:
		/* The device of another esp-tun has several queues, and we ask for one. */
		if (is_tun(name))
			return (fault_because(f, CAUSE_NAME_IN_USE,
			    fault(f, FAULT_DEVICE, "interface %s is in use by another program, or was made with several queues "
			    "(ip tuntap lists them)", name)));
		if (if_nametoindex(name) != 0)
			return (fault_because(f, CAUSE_NAME_IN_USE,
			    fault(f, FAULT_DEVICE, "interface %s exists and is of another kind: no TUN device "
			    "with one queue (ip tuntap lists them)", name)));
		return (cannot_make(FAULT_DEVICE, name, f));
	default:
		return (cannot_make(FAULT_DEVICE, name, f));
	}
}

/* As if_nametoindex(), which hides why there is no socket to ask with. 0 with errno. */
static unsigned
index_of(const char *name)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc, keep;

	if (fd == -1)
		return (0);
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	rc = ioctl(fd, SIOCGIFINDEX, &ifr);
	keep = errno;
	(void)close(fd);
	errno = keep;
	return (rc == 0 ? (unsigned)ifr.ifr_ifindex : 0);
}

#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* Asks for what this kernel has: USO since 6.2, and only in both families. -1: not even for none. */
static int
set_offloads(struct tun *t)
{
	static const unsigned long sets[] = {
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN, TUN_F_CSUM, 0,
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (ioctl(t->fd, TUNSETOFFLOAD, sets[i]) == 0) {
			t->csum = (sets[i] & TUN_F_CSUM) != 0;
			t->tso = (sets[i] & TUN_F_TSO4) != 0;
			t->uso = (sets[i] & TUN_F_USO4) != 0;
			return (0);
		}
	return (-1);
}

int
tun_carrier(const struct tun *t, bool on)
{
	int value = on;

	return (ioctl(t->fd, TUNSETCARRIER, &value));
}

int
tun_offloads(struct tun *t)
{
	int hdr = (int)sizeof(struct virtio_net_hdr);

	return (ioctl(t->fd, TUNSETVNETHDRSZ, &hdr) == -1 || set_offloads(t) == -1 ? -1 : 0);
}

/* 0, or -1 with errno. */
static int
attach(struct tun *t, const char *name, int more)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | more) };

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(t->fd, TUNSETIFF, &ifr) == -1)
		return (-1);
	(void)snprintf(t->name, sizeof(t->name), "%s", ifr.ifr_name);
	return (0);
}

static int
queue_fd(const struct tun *t, unsigned queue)
{
	return (t->n_queues > 0 ? t->queue[queue] : t->fd);
}

int
tun_open(struct tun *t, const char *name, struct fault *f)
{
	bool several;

	*t = (struct tun){ .fd = -1 };
	if (name == NULL || name[0] == '\0')
		name = AUTO_NAME;
	else if (!tun_name_ok(name))
		return (fault(f, FAULT_USAGE, "\"%s\" is no name for an interface", name));
	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd == -1)
		return (fault_because(f, CAUSE_TUN,
		    fault_sys(f, errno == EACCES || errno == EPERM ? FAULT_PERMISSION :
		    FAULT_DEVICE, "cannot open /dev/net/tun")));
	/* Never to one that is there: that of another program would share its packets with us. */
	several = attach(t, name, IFF_MULTI_QUEUE | IFF_TUN_EXCL) == 0;
	if (!several && attach(t, name, 0) == -1) {
		(void)attach_failed(name, f);
		tun_close(t);
		return (-1);
	}
	t->ifindex = index_of(t->name);
	if (t->ifindex == 0 || tun_offloads(t) == -1) {
		(void)fault_sys(f, FAULT_DEVICE, "cannot set up TUN device %s", t->name);
		tun_close(t);
		return (-1);
	}
	if (several)
		(void)tun_fair(t);
	t->ring = tun_ring_new(queue_fd(t, 0));
	return (0);
}

void
tun_close(struct tun *t)
{
	/* A persistent device keeps its offloads, and its next user may not know of them. */
	if (t->fd != -1 && t->csum)
		(void)ioctl(t->fd, TUNSETOFFLOAD, 0UL);
	tun_ring_free(t->ring);
	tun_queues_close(t);
	if (t->fd != -1)
		(void)close(t->fd);
	*t = (struct tun){ .fd = -1 };
}

/* Reads the packet's virtio header. False: a kind of super-packet that tun_open() does not ask for. */
static bool
read_header(struct pkt *k, const struct virtio_net_hdr *hdr)
{
	bool partial = (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;

	k->seg = hdr->gso_size;
	k->csum = partial ? PKT_CSUM_PARTIAL :
	    (hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0 ? PKT_CSUM_GOOD : PKT_CSUM_FULL;
	k->csum_start = partial ? hdr->csum_start : 0;
	k->csum_offset = partial ? hdr->csum_offset : 0;
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		k->gso = PKT_GSO_NONE;
		return (true);
	case VIRTIO_NET_HDR_GSO_TCPV4:
		k->gso = PKT_GSO_TCP4;
		return (true);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		k->gso = PKT_GSO_TCP6;
		return (true);
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		k->gso = PKT_GSO_UDP;
		return (true);
	default:
		return (false);
	}
}

/* Where the device's header and packet go: in one piece, as with small packets a read of several takes a tenth longer. */
static struct iovec
room_of(const struct pkt *k)
{
	size_t room = k->cap - pkt_headroom(k) - 1;

	if (room > PKT_MAX)
		room = PKT_MAX;
	/* Another byte receives the excess of a packet that does not fit. */
	return ((struct iovec){ k->p - TUN_HEADROOM, TUN_HEADROOM + room + 1 });
}

/* Whether the ${got} bytes at ${at} are a packet, which is in ${k} then; otherwise it is counted in ${*cut}. */
static bool
accept_read(struct pkt *k, const struct iovec *at, size_t got, uint64_t *cut)
{
	struct virtio_net_hdr hdr;

	memcpy(&hdr, at->iov_base, sizeof(hdr));
	if (got <= sizeof(hdr) || got == at->iov_len || !read_header(k, &hdr)) {
		++*cut;
		return (false);
	}
	k->len = got - sizeof(hdr);
	return (true);
}

int
tun_read(const struct tun *t, unsigned queue, struct pkt *k, uint64_t *cut, struct fault *f)
{
	const struct iovec at = room_of(k);
	int fd = queue_fd(t, queue);
	ssize_t got;

	do {
		biglock_leave();
		got = read(fd, at.iov_base, at.iov_len);
		biglock_take();
		if (got == -1 && errno == EAGAIN)
			return (0);
		if (got == 0 || (got == -1 && errno != EINTR))
			return (fault_sys(f, FAULT_DEVICE, "TUN device %s was removed", t->name));
	} while (got == -1 || !accept_read(k, &at, (size_t)got, cut));
	return (1);
}

size_t
tun_expect(const struct tun *t, unsigned queue)
{
	return (t->expect[queue] == 0 ? 1 : t->expect[queue]);
}

/* What to ask for after ${got} packets of ${k}: half more, as long as all are short. */
static uint8_t
expect_next(const struct pkt *k, size_t got)
{
	size_t n = got + got / 2 + 1;

	for (size_t i = 0; i < got; i++)
		if (k[i].len > TUN_SHORT)
			return (1);
	return ((uint8_t)(n < TUN_RING ? n : TUN_RING));
}

/* As tun_read_some(), with the ring. */
static int
read_ring(struct tun *t, unsigned queue, struct pkt *k, size_t n, size_t *got, uint64_t *cut, struct fault *f)
{
	struct iovec at[TUN_RING];
	int res[TUN_RING], rc;
	size_t empty = 0;
	struct pkt first;

	for (size_t i = 0; i < n; i++)
		at[i] = room_of(&k[i]);
	biglock_leave();
	rc = tun_ring_read(t->ring, queue_fd(t, queue), at, n, res);
	biglock_take();
	if (rc != 0) {	/* from here on one by one */
		tun_ring_free(t->ring);
		t->ring = NULL;
		return (1);
	}
	for (size_t i = 0; i < n; i++) {
		if (res[i] == -EAGAIN)
			empty++;
		else if (res[i] <= 0) {
			errno = -res[i];
			return (fault_sys(f, FAULT_DEVICE, "TUN device %s was removed", t->name));
		} else if (accept_read(&k[i], &at[i], (size_t)res[i], cut)) {
			first = k[*got];
			k[(*got)++] = k[i];
			k[i] = first;
		}
	}
	return (empty > 0 ? 0 : 1);
}

/* As tun_read_some(), without. */
static int
read_each(const struct tun *t, unsigned queue, struct pkt *k, size_t n, size_t *got, uint64_t *cut, struct fault *f)
{
	int rc;

	do {
		if ((rc = tun_read(t, queue, &k[*got], cut, f)) != 1)
			return (rc);
	} while (k[(*got)++].len <= TUN_SHORT && *got < n);
	return (1);
}

int
tun_read_some(struct tun *t, unsigned queue, struct pkt *k, size_t n, size_t *got, uint64_t *cut, struct fault *f)
{
	int rc;

	*got = 0;
	rc = n > 1 && t->ring != NULL ? read_ring(t, queue, k, n, got, cut, f) : read_each(t, queue, k, n, got, cut, f);
	t->expect[queue] = expect_next(k, *got);
	return (rc);
}

static void
write_header(struct virtio_net_hdr *hdr, const struct pkt *k, size_t head)
{
	static const uint8_t type[] = { [PKT_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE, [PKT_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
	    [PKT_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6, [PKT_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4 };

	*hdr = (struct virtio_net_hdr){ .gso_type = type[k->gso] };
	if (k->gso != PKT_GSO_NONE) {
		hdr->gso_size = k->seg;
		hdr->hdr_len = (uint16_t)head;
	}
	if (k->csum == PKT_CSUM_PARTIAL) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = k->csum_start;
		hdr->csum_offset = k->csum_offset;
	} else if (k->csum == PKT_CSUM_GOOD)
		hdr->flags = VIRTIO_NET_HDR_F_DATA_VALID;
}

int
tun_write(const struct tun *t, const struct pkt *k, size_t head, struct iovec *parts, size_t n)
{
	struct virtio_net_hdr hdr;
	int err;

	write_header(&hdr, k, head);
	parts[0] = (struct iovec){ &hdr, sizeof(hdr) };
	biglock_leave();
	err = writev(t->fd, parts, (int)n + 1) > 0 ? 0 : errno;
	biglock_take();
	parts[0] = (struct iovec){0};
	return (err);
}

int
tun_write_one(const struct tun *t, const struct pkt *k)
{
	struct iovec parts[2];

	parts[1] = (struct iovec){ k->p, k->inner_len };
	return (tun_write(t, k, 0, parts, 1));
}
