/* Maps of DSCP values. */
#include "esp/tos.h"

void
dscp_map_init(struct dscp_map *m, const uint8_t *fixed)
{
	for (uint8_t i = 0; i < DSCP_VALUES; i++)
		m->to[i] = fixed != NULL ? *fixed : i;
}

/* A value at ${*p}, which moves behind it. -1: there is none. */
static int
value(const char **p)
{
	int v = 0, digits = 0;

	for (; **p >= '0' && **p <= '9' && digits < 3; digits++)
		v = 10 * v + *(*p)++ - '0';
	return (digits > 0 && v < DSCP_VALUES ? v : -1);
}

int
dscp_map_parse(struct dscp_map *m, const char *text, struct fault *f)
{
	const char *p = text;
	int from, to;

	for (;;) {
		if ((from = value(&p)) == -1 || *p++ != ':' || (to = value(&p)) == -1)
			break;
		m->to[from] = (uint8_t)to;
		if (*p == '\0')
			return (0);
		if (*p++ != ',')
			break;
	}
	return (fault(f, FAULT_USAGE, "--dscp-map: '%s' is not FROM:TO,... with values from 0 to 63", text));
}
