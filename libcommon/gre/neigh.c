/* The neighbours of a GRE device. */
#include "gre/neigh.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NUMBERS		0xf0000000u	/* 240.0.0.0: link addresses from here on are numbers */

uint32_t
neighs_link(const struct neighs *s, const struct addr *nbma)
{
	size_t i;

	if (nbma->family == 4)
		return (get_be32(nbma->b));
	for (i = 0; i < s->n_v6; i++)
		if (addr_cmp(&s->v6[i], nbma) == 0)
			return (NUMBERS | (uint32_t)i);
	return (0);
}

/* The same; a new one gets a number. 0: there is no memory, or no number left. */
static uint32_t
number(struct neighs *s, const struct addr *nbma)
{
	uint32_t link = neighs_link(s, nbma);
	struct addr *list;

	if (link != 0 || nbma->family == 4)
		return (link);
	if (s->n_v6 == NEIGH_MAX || (list = realloc(s->v6, (s->n_v6 + 1) * sizeof(*list))) == NULL)
		return (0);
	s->v6 = list;
	list[s->n_v6] = *nbma;
	return (NUMBERS | (uint32_t)s->n_v6++);
}

struct addr
neighs_nbma(const struct neighs *s, uint32_t link)
{
	uint8_t b[4];

	if (link >= NUMBERS)
		return (link - NUMBERS < s->n_v6 ? s->v6[link - NUMBERS] : (struct addr){0});
	put_be32(b, link);
	return (link != 0 ? addr_make(4, b) : (struct addr){0});
}

/* ${on}: adds or replaces, else deletes. 0 or -1 with errno. */
static int
change(struct neighs *s, const struct neigh *n, bool on)
{
	struct netlink_msg m;
	struct nlmsghdr *h = netlink_begin(s->nl, &m, on ? RTM_NEWNEIGH : RTM_DELNEIGH, on ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *d = mnl_nlmsg_put_extra_header(h, sizeof(*d));
	uint8_t link[4];

	d->ndm_family = n->hop.family == 4 ? AF_INET : AF_INET6;
	d->ndm_ifindex = (int)s->ifindex;
	d->ndm_state = NUD_PERMANENT;
	mnl_attr_put(h, NDA_DST, addr_len(&n->hop), n->hop.b);
	if (on) {
		put_be32(link, number(s, &n->nbma));
		if (get_be32(link) == 0) {
			errno = ENOMEM;
			return (-1);
		}
		mnl_attr_put(h, NDA_LLADDR, sizeof(link), link);
	}
	return (netlink_talk(s->nl, h, NULL, NULL));
}

static int
cmp(const void *a, const void *b)
{
	const struct neigh *x = a, *y = b;
	int c = addr_cmp(&x->hop, &y->hop);

	return (c != 0 ? c : x->serial > y->serial ? -1 : x->serial < y->serial);
}

static void
add(struct neighs *s, const struct neigh *n, struct fault *first)
{
	char hop[ADDR_TEXT], nbma[ADDR_TEXT];

	if (change(s, n, true) != 0 && first->code == FAULT_NONE)
		(void)fault_sys(first, netlink_code(errno), "cannot make %s the neighbour at %s", addr_text(hop, &n->hop),
		    addr_text(nbma, &n->nbma));
}

int
neighs_sync(struct neighs *s, struct neigh *want, size_t n, struct fault *f)
{
	struct fault first = {0};
	size_t i, j, kept = 0;
	struct neigh *list = NULL;
	int c;

	if (n > 1)
		qsort(want, n, sizeof(*want), cmp);
	for (i = 0; i < n; i++)
		if (kept == 0 || addr_cmp(&want[kept - 1].hop, &want[i].hop) != 0)
			want[kept++] = want[i];
	n = kept;
	if (n > s->n_have && (list = realloc(s->have, n * sizeof(*list))) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for neighbours"));
	if (n > s->n_have)
		s->have = list;
	for (i = j = 0; i < n || j < s->n_have; ) {
		c = i == n ? 1 : j == s->n_have ? -1 : addr_cmp(&want[i].hop, &s->have[j].hop);
		if (c > 0)
			(void)change(s, &s->have[j++], false);
		else if (c < 0)
			add(s, &want[i++], &first);
		else {
			if (addr_cmp(&want[i].nbma, &s->have[j].nbma) != 0)
				add(s, &want[i], &first);
			i++;
			j++;
		}
	}
	if (n > 0)
		memcpy(s->have, want, n * sizeof(*want));
	s->n_have = n;
	if (first.code == FAULT_NONE)
		return (0);
	*f = first;
	return (-1);
}

void
neighs_free(struct neighs *s)
{
	for (size_t i = 0; s->nl != NULL && i < s->n_have; i++)
		(void)change(s, &s->have[i], false);
	free(s->have);
	free(s->v6);
	*s = (struct neighs){0};
}
