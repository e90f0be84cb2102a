/* IP addresses, endpoints and traffic selectors: text, comparison, arithmetic. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

int
addr_parse(struct addr *a, const char *text)
{
	char host[ADDR_TEXT];
	const char *percent = strchr(text, '%');
	size_t len = percent != NULL ? (size_t)(percent - text) : strlen(text);
	char *end;
	unsigned long scope;

	*a = (struct addr){0};
	if (len >= sizeof(host))
		return (-1);
	memcpy(host, text, len);
	host[len] = '\0';
	if (percent == NULL && inet_pton(AF_INET, host, a->b) == 1) {
		a->family = 4;
		return (0);
	}
	if (inet_pton(AF_INET6, host, a->b) != 1)
		goto bad;
	a->family = 6;
	if (percent == NULL)
		return (0);
	if ((a->scope = if_nametoindex(percent + 1)) != 0)
		return (0);
	scope = strtoul(percent + 1, &end, 10);
	if (end == percent + 1 || *end != '\0' || scope == 0 || scope > UINT32_MAX)
		goto bad;
	a->scope = (uint32_t)scope;
	return (0);
bad:
	*a = (struct addr){0};
	return (-1);
}

char *
addr_text(char out[ADDR_TEXT], const struct addr *a)
{
	char name[IF_NAMESIZE];
	size_t n;

	if (a->family == 0 || inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b,
	    out, ADDR_TEXT) == NULL) {
		(void)snprintf(out, ADDR_TEXT, "none");
		return (out);
	}
	if (a->scope != 0) {
		n = strlen(out);
		if (if_indextoname(a->scope, name) != NULL)
			(void)snprintf(out + n, ADDR_TEXT - n, "%%%s", name);
		else
			(void)snprintf(out + n, ADDR_TEXT - n, "%%%u", a->scope);
	}
	return (out);
}

char *
endpoint_text(char out[ENDPOINT_TEXT], const struct endpoint *e)
{
	char a[ADDR_TEXT];

	(void)snprintf(out, ENDPOINT_TEXT, e->addr.family == 6 ? "[%s]:%u" : "%s:%u",
	    addr_text(a, &e->addr), e->port);
	return (out);
}

bool
endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return (addr_cmp(&a->addr, &b->addr) == 0 && a->port == b->port &&
	    a->addr.scope == b->addr.scope);
}

/* Sets the bits of ${a} from ${prefix} on to ${one}; true if any other was there. */
static bool
host_bits(struct addr *a, unsigned prefix, bool one)
{
	bool other = false;
	size_t i;
	uint8_t mask;

	for (i = 0; i < addr_len(a); i++) {
		if (8 * i >= prefix)
			mask = 0xff;
		else if (8 * i + 8 <= prefix)
			mask = 0;
		else
			mask = (uint8_t)(0xff >> (prefix - 8 * i));
		other = other || (a->b[i] & mask) != (one ? mask : 0);
		a->b[i] = (uint8_t)(one ? a->b[i] | mask : a->b[i] & ~mask);
	}
	return (other);
}

int
selector_parse(struct selector *s, const char *text)
{
	char copy[2 * ADDR_TEXT], *sep, *end;
	unsigned long prefix;

	*s = (struct selector){0};
	if (strlen(text) >= sizeof(copy) || strchr(text, '%') != NULL)
		return (-1);
	memcpy(copy, text, strlen(text) + 1);
	if ((sep = strchr(copy, '-')) != NULL) {
		*sep = '\0';
		if (addr_parse(&s->first, copy) != 0 || addr_parse(&s->last, sep + 1) != 0 ||
		    s->first.family != s->last.family || addr_cmp(&s->first, &s->last) > 0)
			return (-1);
		return (0);
	}
	if ((sep = strchr(copy, '/')) != NULL)
		*sep = '\0';
	if (addr_parse(&s->first, copy) != 0)
		return (-1);
	prefix = 8 * addr_len(&s->first);
	if (sep != NULL) {
		if (sep[1] < '0' || sep[1] > '9')
			return (-1);
		prefix = strtoul(sep + 1, &end, 10);
		if (*end != '\0' || prefix > 8 * addr_len(&s->first))
			return (-1);
	}
	s->last = s->first;
	if (host_bits(&s->first, (unsigned)prefix, false))
		return (-1);
	(void)host_bits(&s->last, (unsigned)prefix, true);
	return (0);
}

int
selector_prefix(const struct selector *s)
{
	unsigned bits = (unsigned)(8 * addr_len(&s->first)), n = 0;
	struct addr lo = s->first, hi = s->last;

	while (n < bits && ((lo.b[n / 8] ^ hi.b[n / 8]) & (0x80 >> n % 8)) == 0)
		n++;
	if (host_bits(&lo, n, false) || host_bits(&hi, n, true))
		return (-1);
	return ((int)n);
}

char *
selector_net_text(char out[SELECTOR_TEXT], const struct selector *s)
{
	char a[ADDR_TEXT], b[ADDR_TEXT];
	int prefix = selector_prefix(s);

	if (prefix >= 0)
		(void)snprintf(out, SELECTOR_TEXT, "%s/%d", addr_text(a, &s->first), prefix);
	else
		(void)snprintf(out, SELECTOR_TEXT, "%s-%s", addr_text(a, &s->first),
		    addr_text(b, &s->last));
	return (out);
}

char *
selector_text(char out[SELECTOR_TEXT], const struct selector *s)
{
	size_t n = strlen(selector_net_text(out, s));

	if (s->proto != 0)
		n += (size_t)snprintf(out + n, SELECTOR_TEXT - n, " proto %u", s->proto);
	if (s->port != 0 || s->port_end != 0)
		(void)snprintf(out + n, SELECTOR_TEXT - n,
		    s->port == s->port_end ? " port %u" : " port %u-%u", s->port, s->port_end);
	return (out);
}

bool
selector_eq(const struct selector *a, const struct selector *b)
{
	return (selector_covers(a, b) && selector_covers(b, a));
}

bool
selector_covers(const struct selector *outer, const struct selector *inner)
{
	if (!selector_has_addr(outer, &inner->first) || !selector_has_addr(outer, &inner->last))
		return (false);
	if (outer->proto != 0 && outer->proto != inner->proto)
		return (false);
	if (outer->port == 0 && outer->port_end == 0)
		return (true);
	return (inner->port >= outer->port && inner->port_end <= outer->port_end &&
	    inner->port_end != 0);
}
