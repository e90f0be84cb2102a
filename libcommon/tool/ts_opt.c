/* Traffic selectors as options name them. */
#include "tool/ts_opt.h"

#include <netdb.h>
#include <netinet/in.h>

#include "cli/opt.h"

/* The protocol and port of "tcp/80", "udp", "47", "any/500". */
static int
ts_port(struct selector *s, char *text, struct fault *f)
{
	struct protoent *pe;
	struct servent *se;
	char *port = strchr(text, '/');
	uint64_t v = 0;

	if (port != NULL)
		*port++ = '\0';
	if (strcmp(text, "any") == 0 || strcmp(text, "%any") == 0)
		s->proto = 0;
	else if ((pe = getprotobyname(text)) != NULL)
		s->proto = (uint8_t)pe->p_proto;
	else if (opt_number(&v, text, OPT_PLAIN, 0, 255, "protocol", NULL) == 0)
		s->proto = (uint8_t)v;
	else
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no IP protocol", text));
	if (port == NULL || strcmp(port, "any") == 0 || strcmp(port, "%any") == 0)
		return (0);
	if (s->proto != IPPROTO_TCP && s->proto != IPPROTO_UDP && s->proto != IPPROTO_SCTP)
		return (fault(f, FAULT_BAD_ADDRESS, "protocol '%s' has no ports", text));
	if (opt_number(&v, port, OPT_PLAIN, 1, 65535, "port", NULL) != 0) {
		if ((se = getservbyname(port, s->proto == IPPROTO_UDP ? "udp" : "tcp")) == NULL)
			return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no port", port));
		v = ntohs((uint16_t)se->s_port);
	}
	s->port = s->port_end = (uint16_t)v;
	return (0);
}

int
ts_parse(struct selector *s, const char *text, struct fault *f)
{
	char net[SELECTOR_TEXT], *bracket, *end;

	if (strlen(text) >= sizeof(net))
		return (fault(f, FAULT_BAD_ADDRESS, "'%.40s...' is too long", text));
	(void)strcpy(net, text);
	if ((bracket = strchr(net, '[')) != NULL) {
		*bracket++ = '\0';
		end = strchr(bracket, ']');
		if (end == NULL || end[1] != '\0')
			return (fault(f, FAULT_BAD_ADDRESS, "'%s' is not NET[PROTOCOL/PORT]", text));
		*end = '\0';
	}
	if (selector_parse(s, net) != 0) {
		if (strchr(net, '/') != NULL)
			return (fault_because(f, CAUSE_HOST_BITS, fault(f, FAULT_BAD_ADDRESS,
			    "'%s' is no network (or has bits set behind its prefix)", net)));
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no network, address or FIRST-LAST", net));
	}
	return (bracket != NULL ? ts_port(s, bracket, f) : 0);
}
