/* The TAP device with the link type of GRE. */
#include "gre/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gre/gre.h"
#include "net/tun_name.h"

#define AUTO_NAME	"gre%d"
#define SOLICITATION	135	/* ICMPv6 type */

static int
attach_failed(const char *name, struct fault *f)
{
	if (errno == EPERM || errno == EACCES)
		return (fault_because(f, CAUSE_TUN, fault_sys(f, FAULT_PERMISSION, "cannot create TAP device %s", name)));
	if (errno == EBUSY)
		return (fault_because(f, CAUSE_NAME_IN_USE,
		    fault_sys(f, FAULT_DEVICE, "interface %s is in use by another program", name)));
	if ((errno == EINVAL || errno == EEXIST) && if_nametoindex(name) != 0)
		return (fault_because(f, CAUSE_NAME_IN_USE,
		    fault(f, FAULT_DEVICE, "interface %s exists and is of another kind: no TAP device with one queue", name)));
	return (fault_sys(f, FAULT_DEVICE, "cannot create TAP device %s", name));
}

/*
 * Ethernet first: the kernel tells no more bytes of the hardware address than the link type has, and a persistent
 * device may have the type of GRE from before.
 */
static int
set_link(struct tap *t, int sock, bool arp)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, t->tun.name, sizeof(ifr.ifr_name));
	if (ioctl(t->tun.fd, TUNSETLINK, ARPHRD_ETHER) != 0 || ioctl(sock, SIOCGIFHWADDR, &ifr) != 0)
		return (-1);
	memcpy(t->mac, ifr.ifr_hwaddr.sa_data, sizeof(t->mac));
	if (ioctl(t->tun.fd, TUNSETLINK, ARPHRD_IPGRE) != 0 || ioctl(sock, SIOCGIFINDEX, &ifr) != 0)
		return (-1);
	t->tun.ifindex = (unsigned)ifr.ifr_ifindex;
	if (ioctl(sock, SIOCGIFFLAGS, &ifr) != 0)
		return (-1);
	ifr.ifr_flags = (short)(arp ? ifr.ifr_flags & ~IFF_NOARP : ifr.ifr_flags | IFF_NOARP);
	return (ioctl(sock, SIOCSIFFLAGS, &ifr));
}

static int
set_up(struct tap *t, bool arp, struct fault *f)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc, keep;

	rc = sock == -1 || tun_offloads(&t->tun) != 0 ? -1 : set_link(t, sock, arp);
	keep = errno;
	if (sock != -1)
		(void)close(sock);
	errno = keep;
	if (rc == 0)
		return (0);
	if (errno == EBUSY)
		return (fault(f, FAULT_DEVICE, "interface %s is up: a device that exists already has to be down", t->tun.name));
	return (fault_sys(f, FAULT_DEVICE, "cannot make a GRE device of TAP device %s", t->tun.name));
}

int
tap_open(struct tap *t, const char *name, bool arp, struct fault *f)
{
	struct ifreq ifr = {0};

	*t = (struct tap){ .tun = { .fd = -1 } };
	if (name != NULL && !tun_name_ok(name))
		return (fault(f, FAULT_USAGE, "\"%s\" is no name for an interface", name));
	if ((t->tun.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) == -1)
		return (fault_because(f, CAUSE_TUN,
		    fault_sys(f, errno == EACCES || errno == EPERM ? FAULT_PERMISSION : FAULT_DEVICE, "cannot open /dev/net/tun")));
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name != NULL ? name : AUTO_NAME);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	if (ioctl(t->tun.fd, TUNSETIFF, &ifr) != 0) {
		(void)attach_failed(name != NULL ? name : "gre0", f);
		tap_close(t);
		return (-1);
	}
	memcpy(t->tun.name, ifr.ifr_name, sizeof(t->tun.name));
	t->tun.name[sizeof(t->tun.name) - 1] = '\0';
	if (set_up(t, arp, f) != 0) {
		tap_close(t);
		return (-1);
	}
	return (0);
}

void
tap_close(struct tap *t)
{
	tun_close(&t->tun);
}

int
tap_read(const struct tap *t, struct pkt *k, struct tap_frame *frame, uint64_t *cut, struct fault *f)
{
	int rc;

	while ((rc = tun_read(&t->tun, 0, k, cut, f)) == 1) {
		if (k->len < TAP_HEAD || (k->csum == PKT_CSUM_PARTIAL && k->csum_start < TAP_HEAD)) {
			++*cut;
			continue;
		}
		*frame = (struct tap_frame){ .to = get_be32(k->p), .proto = get_be16(k->p + 12) };
		k->p += TAP_HEAD;
		k->len -= TAP_HEAD;
		if (k->csum == PKT_CSUM_PARTIAL)
			k->csum_start = (uint16_t)(k->csum_start - TAP_HEAD);
		return (1);
	}
	return (rc);
}

bool
tap_question(const struct tap_frame *frame, const struct pkt *k, struct addr *hop)
{
	const uint8_t *p = k->p;

	/* ARP: two types, two lengths, the operation; then link and IPv4 address of the sender, and of the target. */
	if (frame->proto == GRE_ARP && k->len >= 8 && k->len >= 16U + 2U * p[4] && get_be16(p + 2) == GRE_IPV4 && p[5] == 4 &&
	    get_be16(p + 6) == ARPOP_REQUEST) {
		*hop = addr_make(4, p + 12 + 2 * (size_t)p[4]);
		return (true);
	}
	if (frame->proto == GRE_IPV6 && k->len >= 64 && p[0] >> 4 == 6 && p[6] == IPPROTO_ICMPV6 && p[40] == SOLICITATION && p[41] == 0) {
		*hop = addr_make(6, p + 48);
		return (true);
	}
	return (false);
}

int
tap_write(const struct tap *t, uint32_t from, uint16_t proto, struct pkt *const *k, size_t n, size_t head)
{
	struct iovec parts[TUN_PARTS + 1];
	uint8_t *frame = k[0]->p - TAP_HEAD;
	struct pkt whole = *k[0];

	memcpy(frame, t->mac, sizeof(t->mac));
	put_be32(frame + 6, from);
	put_be16(frame + 10, 0);
	put_be16(frame + 12, proto);
	parts[1] = (struct iovec){ frame, TAP_HEAD + k[0]->inner_len };
	for (size_t i = 1; i < n; i++)
		parts[i + 1] = (struct iovec){ k[i]->p + head, k[i]->inner_len - head };
	whole.csum_start = (uint16_t)(whole.csum_start + TAP_HEAD);
	return (tun_write(&t->tun, &whole, TAP_HEAD + head, parts, n));
}
