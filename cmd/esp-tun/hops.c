/* The static bindings of --nhtb: NEXTHOP=NAME, or @FILE with one in each line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_tun.h"

#define HOPS_FILE_MAX	(4u << 20)	/* bytes of a file */
#define HOPS_MAX	65536		/* bindings */

static int
add(struct hops *h, const struct datapath_hop *one, struct fault *f)
{
	struct datapath_hop *v;

	if (h->n == HOPS_MAX)
		return (fault(f, FAULT_TOO_LARGE, "--nhtb: at most %d bindings", HOPS_MAX));
	/* Room grows by powers of two. */
	if ((h->n & (h->n - 1)) == 0) {
		if ((v = realloc(h->v, (h->n > 0 ? 2 * h->n : 1) * sizeof(*v))) == NULL)
			return (fault(f, FAULT_MEMORY, "no memory for the bindings of --nhtb"));
		h->v = v;
	}
	h->v[h->n++] = *one;
	return (0);
}

/* "10.255.0.2=berne". ${text} must stay. */
static int
parse(struct hops *h, const char *text, const char *where, struct fault *f)
{
	const char *is = strchr(text, '=');
	struct datapath_hop one;
	char hop[ADDR_TEXT];

	if (is == NULL || is[1] == '\0' || (size_t)(is - text) >= sizeof(hop))
		return (fault(f, FAULT_USAGE, "%s: \"%s\" is not NEXTHOP=NAME", where, text));
	memcpy(hop, text, (size_t)(is - text));
	hop[is - text] = '\0';
	if (addr_parse(&one.hop, hop) != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "%s: \"%s\" is no address", where, hop));
	one.name = is + 1;
	return (add(h, &one, f));
}

/* All of ${name} and a zero byte, to be freed; NULL with a fault. */
static char *
load(const char *name, struct fault *f)
{
	FILE *in = fopen(name, "re");
	char *text = NULL;
	size_t len = 0;

	if (in == NULL) {
		(void)fault_sys(f, fault_of_file(errno), "--nhtb: cannot open %s", name);
		return (NULL);
	}
	if ((text = malloc(HOPS_FILE_MAX + 1)) == NULL)
		(void)fault(f, FAULT_MEMORY, "no memory for %s", name);
	else if ((len = fread(text, 1, HOPS_FILE_MAX + 1, in)) > HOPS_FILE_MAX)
		(void)fault(f, FAULT_TOO_LARGE, "--nhtb: %s has more than %u bytes", name, HOPS_FILE_MAX);
	else if (ferror(in))
		(void)fault_sys(f, fault_of_file(errno), "--nhtb: cannot read %s", name);
	else if (memchr(text, '\0', len) != NULL)
		(void)fault(f, FAULT_USAGE, "--nhtb: %s is no text: it has a zero byte", name);
	else {
		(void)fclose(in);
		text[len] = '\0';
		return (text);
	}
	free(text);
	(void)fclose(in);
	return (NULL);
}

/* Lines; '#' begins a comment. The text stays: the names are in it. */
static int
parse_file(struct hops *h, const char *name, struct fault *f)
{
	static const char blank[] = " \t\r";
	char *rest = load(name, f), *line, *end, where[512];
	unsigned n = 0;

	if (rest == NULL)
		return (-1);
	h->texts[h->n_texts++] = rest;
	while ((line = strsep(&rest, "\n")) != NULL) {
		n++;
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, blank);
		for (end = line + strlen(line); end > line && strchr(blank, end[-1]) != NULL;)
			*--end = '\0';
		(void)snprintf(where, sizeof(where), "--nhtb: %s:%u", name, n);
		if (*line != '\0' && parse(h, line, where, f) != 0)
			return (-1);
	}
	return (0);
}

int
hops_read(struct hops *h, const struct opt_list *given, struct fault *f)
{
	for (size_t i = 0; i < given->n; i++)
		if ((given->v[i][0] == '@' ? parse_file(h, given->v[i] + 1, f) : parse(h, given->v[i], "--nhtb", f)) != 0)
			return (-1);
	return (0);
}
