/* Addresses on the command line: split, look up, parse. */
#include "cli/peer_addr.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int
port_get(uint16_t *port, const char *text, struct fault *f)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || v == 0 || v > 65535)
		return (fault_because(f, CAUSE_BAD_PORT,
		    fault(f, FAULT_BAD_ADDRESS, "'%s' is not a port, 1 to 65535", text)));
	*port = (uint16_t)v;
	return (0);
}

/* Whether the last label of ${host} is a number: no host has such a name, and the resolver reads 10.1.2 as the address 10.1.0.2. */
static bool
is_number(const char *host)
{
	const char *last = strrchr(host, '.');

	last = last != NULL ? last + 1 : host;
	return (last[0] != '\0' && last[strspn(last, "0123456789")] == '\0');
}

int
peer_split(char host[PEER_HOST], uint16_t *port, const char *text, struct fault *f)
{
	struct addr a;
	const char *start = text, *end, *colon;

	*port = 0;
	if (text[0] == '[') {
		start = text + 1;
		if ((end = strchr(start, ']')) == NULL || (end[1] != '\0' && end[1] != ':'))
			return (fault_because(f, CAUSE_BAD_PORT,
			    fault(f, FAULT_BAD_ADDRESS, "'%s' is not [ADDRESS]:PORT", text)));
		colon = end[1] == ':' ? end + 1 : NULL;
	} else {
		colon = strchr(text, ':');
		/* two colons without brackets: IPv6, and no port */
		if (colon != NULL && strchr(colon + 1, ':') != NULL)
			colon = NULL;
		end = colon != NULL ? colon : text + strlen(text);
	}
	if (end == start && !(colon == text))
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' has no address", text));
	if ((size_t)(end - start) >= PEER_HOST)
		return (fault(f, FAULT_BAD_ADDRESS, "the host name is too long"));
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	if (text[0] != '[' && is_number(host) && addr_parse(&a, host) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no address", host));
	return (colon != NULL ? port_get(port, colon + 1, f) : 0);
}

static void
from_sockaddr(struct addr *a, const struct addrinfo *ai)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (ai->ai_family == AF_INET) {
		memcpy(&in, ai->ai_addr, sizeof(in));
		*a = addr_make(4, (const uint8_t *)&in.sin_addr);
		return;
	}
	memcpy(&in6, ai->ai_addr, sizeof(in6));
	*a = addr_make(6, in6.sin6_addr.s6_addr);
	a->scope = in6.sin6_scope_id;
}

/* IPv6 link-local addresses exist on each interface. */
static bool
lacks_scope(const struct addr *a)
{
	return (a->family == 6 && a->scope == 0 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80);
}

static bool
is_multicast(const struct addr *a)
{
	return (a->family == 4 ? (a->b[0] & 0xf0) == 0xe0 : a->b[0] == 0xff);
}

/* Whether all bytes of ${a} are ${byte}. */
static bool
is_all(const struct addr *a, uint8_t byte)
{
	size_t i, n = addr_len(a);

	for (i = 0; i < n && a->b[i] == byte; i++)
		;
	return (i == n);
}

/* What no peer can have as its address, before the kernel calls it an invalid argument. 0 or -1. */
static int
check_peer(const struct addr *a, struct fault *f)
{
	char text[ADDR_TEXT];

	addr_text(text, a);
	if (is_all(a, 0))
		return (fault_because(f, CAUSE_OWN_ADDRESS, fault(f, FAULT_BAD_ADDRESS,
		    "%s is this machine itself, not a peer", text)));
	if (is_multicast(a) || (a->family == 4 && is_all(a, 0xff)))
		return (fault_because(f, CAUSE_NO_PEER, fault(f, FAULT_BAD_ADDRESS,
		    "%s is a %s address, not a peer", text, is_multicast(a) ? "multicast" : "broadcast")));
	if (lacks_scope(a))
		return (fault_because(f, CAUSE_SCOPE, fault(f, FAULT_BAD_ADDRESS, "%s is link-local", text)));
	return (0);
}

int
peer_resolve_all(struct endpoint out[PEER_ADDRS], size_t *n, const char *text, uint8_t family, uint16_t port,
    struct fault *f)
{
	struct addrinfo want = { .ai_socktype = SOCK_DGRAM }, *found, *ai;
	struct endpoint e = {0};
	char host[PEER_HOST];
	int err;

	*n = 0;
	if (peer_split(host, &e.port, text, f) != 0)
		return (-1);
	if (host[0] == '\0')
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' has no address", text));
	if (e.port == 0)
		e.port = port;
	if (addr_parse(&e.addr, host) == 0) {
		if (family != 0 && family != e.addr.family)
			return (fault(f, FAULT_BAD_ADDRESS, "%s is not an IPv%u address", host, family));
		out[(*n)++] = e;
		return (check_peer(&e.addr, f));
	}
	want.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
	if ((err = getaddrinfo(host, NULL, &want, &found)) != 0) {
		if (err == EAI_AGAIN || err == EAI_FAIL)
			return (fault_because(f, CAUSE_RESOLVER,
			    fault(f, FAULT_SYSTEM, "cannot look up %s: %s", host,
			    gai_strerror(err))));
		return (fault_because(f, CAUSE_UNKNOWN_HOST,
		    fault(f, FAULT_BAD_ADDRESS, "no address for %s: %s", host, gai_strerror(err))));
	}
	for (ai = found; ai != NULL && *n < PEER_ADDRS; ai = ai->ai_next) {
		from_sockaddr(&e.addr, ai);
		if (check_peer(&e.addr, f) == 0)
			out[(*n)++] = e;
	}
	freeaddrinfo(found);
	return (*n > 0 ? 0 : -1);
}

int
peer_resolve(struct endpoint *out, const char *text, uint8_t family, uint16_t port,
    struct fault *f)
{
	struct endpoint all[PEER_ADDRS];
	size_t n;

	if (peer_resolve_all(all, &n, text, family, port, f) != 0)
		return (-1);
	*out = all[0];
	return (0);
}

bool
peer_is_name(const char *text)
{
	char host[PEER_HOST];
	uint16_t port;
	struct addr a;

	return (peer_split(host, &port, text, NULL) == 0 && addr_parse(&a, host) != 0);
}

int
peer_net_parse(struct selector *s, const char *text)
{
	if (strchr(text, '%') == NULL)
		return (selector_parse(s, text));
	*s = (struct selector){0};
	if (addr_parse(&s->first, text) != 0)
		return (-1);
	s->last = s->first;
	return (0);
}

int
local_parse(struct endpoint *out, const char *text, uint16_t port, struct fault *f)
{
	char host[PEER_HOST];

	*out = (struct endpoint){0};
	if (peer_split(host, &out->port, text, f) != 0)
		return (-1);
	if (out->port == 0)
		out->port = port;
	if (host[0] != '\0' && addr_parse(&out->addr, host) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is not an address", host));
	if (host[0] != '\0' && lacks_scope(&out->addr))
		return (fault_because(f, CAUSE_SCOPE, fault(f, FAULT_BAD_ADDRESS, "%s is link-local", host)));
	return (0);
}

int
numeric_parse(struct addr *a, const char *text, const char *name, struct fault *f)
{
	if (addr_parse(a, text) == 0)
		return (0);
	return (fault_because(f, CAUSE_NOT_NUMERIC, fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no address", name, text)));
}
