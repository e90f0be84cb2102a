/* The TUN device. */
#include "os/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define AUTO_NAME	"vpn%d"

/* Names that fit into an ifreq, except those that the kernel reads as a pattern or rejects. */
static bool
name_ok(const char *name)
{
	size_t n = strlen(name);

	return (n < IFNAMSIZ && strpbrk(name, "/% \t\n:") == NULL && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0);
}

/* "device vpn7"; the kernel chooses the number that AUTO_NAME stands for. */
static int
cannot_make(enum fault_code code, const char *name, struct fault *f)
{
	return (strcmp(name, AUTO_NAME) == 0 ? fault_sys(f, code, "cannot create a TUN device") :
	    fault_sys(f, code, "cannot create TUN device %s", name));
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
		/* An interface of that name exists that is no TUN device, or one of another kind. */
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

int
tun_open(struct tun *t, const char *name, struct fault *f)
{
	struct ifreq ifr = {0};
	int hdr = (int)sizeof(struct virtio_net_hdr);

	*t = (struct tun){ .fd = -1 };
	if (name == NULL || name[0] == '\0')
		name = AUTO_NAME;
	else if (!name_ok(name))
		return (fault(f, FAULT_USAGE, "\"%s\" is no name for an interface", name));
	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd == -1)
		return (fault_because(f, CAUSE_TUN,
		    fault_sys(f, errno == EACCES || errno == EPERM ? FAULT_PERMISSION :
		    FAULT_DEVICE, "cannot open /dev/net/tun")));
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	if (ioctl(t->fd, TUNSETIFF, &ifr) == -1) {
		(void)attach_failed(name, f);
		tun_close(t);
		return (-1);
	}
	(void)snprintf(t->name, sizeof(t->name), "%s", ifr.ifr_name);
	t->ifindex = index_of(t->name);
	/* No offloads yet: packets come whole and with their checksums. */
	if (t->ifindex == 0 || ioctl(t->fd, TUNSETVNETHDRSZ, &hdr) == -1 ||
	    ioctl(t->fd, TUNSETOFFLOAD, 0UL) == -1) {
		(void)fault_sys(f, FAULT_DEVICE, "cannot set up TUN device %s", t->name);
		tun_close(t);
		return (-1);
	}
	return (0);
}

void
tun_close(struct tun *t)
{
	if (t->fd != -1)
		(void)close(t->fd);
	*t = (struct tun){ .fd = -1 };
}

/* Reads the packet's virtio header. False: the packet is an aggregate of several. */
static bool
read_header(struct pkt *k, const struct virtio_net_hdr *hdr)
{
	bool partial = (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;

	k->gso = PKT_GSO_NONE;
	k->seg = 0;
	k->csum = partial ? PKT_CSUM_PARTIAL :
	    (hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0 ? PKT_CSUM_GOOD : PKT_CSUM_FULL;
	k->csum_start = partial ? hdr->csum_start : 0;
	k->csum_offset = partial ? hdr->csum_offset : 0;
	return (hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE);
}

long
tun_read(const struct tun *t, struct pkt *pkts, size_t n, uint64_t *cut, struct fault *f)
{
	struct virtio_net_hdr hdr;
	struct iovec iov[3];
	uint8_t over;
	size_t i = 0, room;
	ssize_t got;

	iov[0] = (struct iovec){ &hdr, sizeof(hdr) };
	iov[2] = (struct iovec){ &over, 1 };	/* receives the excess of a packet that does not fit */
	while (i < n) {
		room = pkts[i].cap - pkt_headroom(&pkts[i]);
		if (room > PKT_MAX)
			room = PKT_MAX;
		iov[1] = (struct iovec){ pkts[i].p, room };
		got = readv(t->fd, iov, 3);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1 && errno == EAGAIN)
			break;
		if (got <= 0)
			return (fault_sys(f, FAULT_DEVICE, "TUN device %s was removed", t->name));
		if ((size_t)got <= sizeof(hdr) || (size_t)got > sizeof(hdr) + room || !read_header(&pkts[i], &hdr)) {
			++*cut;
			continue;
		}
		pkts[i++].len = (size_t)got - sizeof(hdr);
	}
	return ((long)i);
}

static void
write_header(struct virtio_net_hdr *hdr, const struct pkt *k)
{
	*hdr = (struct virtio_net_hdr){ .gso_type = VIRTIO_NET_HDR_GSO_NONE };
	if (k->csum == PKT_CSUM_PARTIAL) {
		hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr->csum_start = k->csum_start;
		hdr->csum_offset = k->csum_offset;
	} else if (k->csum == PKT_CSUM_GOOD)
		hdr->flags = VIRTIO_NET_HDR_F_DATA_VALID;
}

size_t
tun_write(const struct tun *t, const struct pkt *const *pkts, size_t n)
{
	struct virtio_net_hdr hdr;
	struct iovec iov[2];
	size_t i;

	iov[0] = (struct iovec){ &hdr, sizeof(hdr) };
	for (i = 0; i < n; i++) {
		write_header(&hdr, pkts[i]);
		iov[1] = (struct iovec){ pkts[i]->p, pkts[i]->inner_len };
		if (writev(t->fd, iov, 2) <= 0)
			break;
	}
	return (i);
}
