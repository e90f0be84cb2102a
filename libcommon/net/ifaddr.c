/* Lists the addresses of this machine. */
#include "net/ifaddr.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool
take(struct addr *a, const struct ifaddrs *i, uint8_t family)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0)
		return (false);
	if (family == 4 && i->ifa_addr->sa_family == AF_INET) {
		memcpy(&in, i->ifa_addr, sizeof(in));
		*a = addr_make(4, (const uint8_t *)&in.sin_addr);
		return (true);
	}
	if (family == 6 && i->ifa_addr->sa_family == AF_INET6) {
		memcpy(&in6, i->ifa_addr, sizeof(in6));
		*a = addr_make(6, in6.sin6_addr.s6_addr);
		a->scope = in6.sin6_scope_id;
		return (true);
	}
	return (false);
}

static bool
is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return (a->family == 4 ? a->b[0] == 127 : memcmp(a->b, one, sizeof(one)) == 0);
}

long
ifaddr_list(struct addr *out, size_t max, uint8_t family, struct fault *f)
{
	struct ifaddrs *all, *i;
	size_t n = 0;

	if (getifaddrs(&all) != 0)
		return (fault_sys(f, FAULT_SYSTEM, "cannot list this machine's addresses"));
	/* By address, not by interface: addresses of a service often lie on lo. */
	for (i = all; i != NULL && n < max; i = i->ifa_next)
		if (take(&out[n], i, family) && !is_loopback(&out[n]))
			n++;
	freeifaddrs(all);
	return ((long)n);
}
