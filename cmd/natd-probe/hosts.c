/* Hosts to probe: addresses, names, networks, and lists of these. */
#include "hosts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/peer_addr.h"
#include "tool/probe_tool.h"

#define LINE_MAX_BYTES	512

static int
add(struct hosts *h, const struct endpoint *remote, struct fault *f)
{
	struct sweep_host *more;
	size_t cap = h->cap == 0 ? 16 : 2 * h->cap;

	if (h->n == SWEEP_MAX)
		return (fault(f, FAULT_USAGE, "more than %d hosts", SWEEP_MAX));
	if (h->n == h->cap) {
		if ((more = realloc(h->host, cap * sizeof(*more))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for %zu hosts", cap));
		h->host = more;
		h->cap = cap;
	}
	h->host[h->n++] = (struct sweep_host){ .remote = *remote };
	return (0);
}

static void
increment(struct addr *a)
{
	size_t i = addr_len(a);

	while (i-- > 0 && ++a->b[i] == 0)
		;
}

/* Of one family. */
static bool
same(const struct addr *a, const struct addr *b)
{
	return (memcmp(a->b, b->b, addr_len(a)) == 0);
}

static int
add_net(struct hosts *h, const struct selector *s, struct fault *f)
{
	struct addr a = s->first;
	int bits = selector_prefix(s);
	bool ends = s->first.family != 4 || bits < 0 || bits > 30;	/* the first and the last address are hosts, too */

	for (;; increment(&a)) {
		if ((ends || (!same(&a, &s->first) && !same(&a, &s->last))) &&
		    add(h, &(struct endpoint){ a, PORT_IKE_DEFAULT }, f) != 0)
			return (-1);
		if (same(&a, &s->last))
			return (0);
	}
}

static bool
is_net(struct selector *net, const char *text)
{
	return (selector_parse(net, text) == 0 &&
	    (strchr(text, '/') != NULL || addr_cmp(&net->first, &net->last) != 0));
}

static int
add_one(struct hosts *h, const char *text, uint8_t family, struct fault *f)
{
	struct selector net = {0};
	struct endpoint at;

	if (is_net(&net, text)) {
		if (family != 0 && net.first.family != family)
			return (fault(f, FAULT_BAD_ADDRESS, "%s is not of the family of --local", text));
		return (add_net(h, &net, f));
	}
	if (strchr(text, '/') != NULL)
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is not a network", text));
	return (probe_tool_peer(&at, text, family, f) != 0 ? -1 : add(h, &at, f));
}

/* One host or network a line. Blank lines and text after # are ignored. */
static int
add_list(struct hosts *h, uint8_t family, struct fault *f)
{
	char line[LINE_MAX_BYTES], *p, *end;
	unsigned number = 0;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		number++;
		if (strchr(line, '\n') == NULL && !feof(stdin))
			return (fault(f, FAULT_USAGE, "standard input:%u: the line is too long", number));
		line[strcspn(line, "#\r\n")] = '\0';
		for (p = line; isspace((unsigned char)*p); p++)
			;
		for (end = p + strlen(p); end > p && isspace((unsigned char)end[-1]); end--)
			end[-1] = '\0';
		if (*p != '\0' && add_one(h, p, family, f) != 0) {
			fault_where(f, "standard input:%u", number);
			return (-1);
		}
	}
	if (ferror(stdin))
		return (fault_sys(f, FAULT_SYSTEM, "cannot read standard input"));
	return (0);
}

bool
hosts_many(const struct opt_args *args)
{
	struct selector net = {0};

	return (args->n > 1 || (args->n == 1 && (strcmp(args->v[0], "-") == 0 || is_net(&net, args->v[0]))));
}

int
hosts_read(struct hosts *h, const struct opt_args *args, uint8_t family, struct fault *f)
{
	bool list = false;
	size_t i;

	for (i = 0; i < args->n; i++) {
		if (strcmp(args->v[i], "-") != 0) {
			if (add_one(h, args->v[i], family, f) != 0)
				return (-1);
			continue;
		}
		if (list)
			return (fault(f, FAULT_USAGE, "standard input is named twice"));
		list = true;
		if (add_list(h, family, f) != 0)
			return (-1);
	}
	if (h->n == 0)
		return (fault(f, FAULT_USAGE, "there is no host to ask"));
	return (0);
}

void
hosts_free(struct hosts *h)
{
	free(h->host);
	*h = (struct hosts){0};
}
