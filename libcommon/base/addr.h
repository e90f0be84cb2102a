/* IP addresses, endpoints and traffic selectors as values. No sockets here. */
#ifndef SAPIPE_BASE_ADDR_H
#define SAPIPE_BASE_ADDR_H

#include <string.h>

#include "base/span.h"

struct addr {
	uint8_t		family;		/* 4, 6, or 0: none */
	uint8_t		b[16];		/* network order; IPv4 in the first four */
	uint32_t	scope;		/* interface index of a link-local IPv6 address */
};

struct endpoint {
	struct addr	addr;
	uint16_t	port;		/* host order */
};

/* A traffic selector: first to last address, a protocol, a port range. */
struct selector {
	struct addr	first, last;	/* inclusive, of one family */
	uint8_t		proto;		/* 0: any */
	uint16_t	port, port_end;	/* 0, 0: any; else inclusive */
};

#define ADDR_TEXT	64	/* "fe80::1%interface", and more */
#define ENDPOINT_TEXT	80	/* "[fe80::1%if]:4500" */
#define SELECTOR_TEXT	160

static inline size_t
addr_len(const struct addr *a)
{
	return (a->family == 4 ? 4 : a->family == 6 ? 16 : 0);
}

static inline struct span
addr_span(const struct addr *a)
{
	return (span_of(a->b, addr_len(a)));
}

/* An address of ${family} 4 or 6 from its 4 or 16 bytes. For each packet: inline, like the comparisons below. */
static inline struct addr
addr_make(uint8_t family, const uint8_t *b)
{
	struct addr a = { .family = family };

	if (family == 4)
		memcpy(a.b, b, 4);
	else if (family == 6)
		memcpy(a.b, b, 16);
	return (a);
}

/* Numeric text only, IPv6 with an optional %scope. Returns 0 or -1. */
int addr_parse(struct addr *a, const char *text);
char *addr_text(char out[ADDR_TEXT], const struct addr *a);

/* <0, 0, >0 as memcmp; families sort before addresses; scopes are not compared. */
static inline int
addr_cmp(const struct addr *a, const struct addr *b)
{
	uint32_t x, y;

	if (a->family != b->family)
		return (a->family < b->family ? -1 : 1);
	if (a->family != 4)
		return (memcmp(a->b, b->b, addr_len(a)));
	x = get_be32(a->b);
	y = get_be32(b->b);
	return (x < y ? -1 : x > y);
}

/* "192.0.2.1:500", "[2001:db8::1]:500". */
char *endpoint_text(char out[ENDPOINT_TEXT], const struct endpoint *e);
bool endpoint_eq(const struct endpoint *a, const struct endpoint *b);

/*
 * CIDR, a single address, or FIRST-LAST; protocol and ports are any.
 * Host bits below a prefix are an error. Returns 0 or -1.
 */
int selector_parse(struct selector *s, const char *text);
/* The addresses only: CIDR if the range is one block, else FIRST-LAST. */
char *selector_net_text(char out[SELECTOR_TEXT], const struct selector *s);
/* With protocol and ports if they are not any: "10.1.0.0/24 proto 6 port 80". */
char *selector_text(char out[SELECTOR_TEXT], const struct selector *s);
/* The prefix length if the range is one CIDR block, else -1. */
int selector_prefix(const struct selector *s);
bool selector_eq(const struct selector *a, const struct selector *b);
/* Whether ${outer} contains ${inner}, protocol and ports included. */
bool selector_covers(const struct selector *outer, const struct selector *inner);
static inline bool
selector_has_addr(const struct selector *s, const struct addr *a)
{
	return (a->family == s->first.family && addr_cmp(&s->first, a) <= 0 && addr_cmp(a, &s->last) <= 0);
}

#endif
