/* Extensions of NHRP packets. */
#include "nhrp/ext.h"

struct nhrp_ext *
nhrp_ext_find(struct nhrp_packet *p, uint16_t type)
{
	size_t i;

	for (i = 0; i < p->n_exts; i++)
		if (p->ext[i].type == type)
			return (&p->ext[i]);
	return (NULL);
}

int
nhrp_ext_add(struct nhrp_packet *p, uint16_t type, bool compulsory, struct span data)
{
	if (p->n_exts == NHRP_EXTS_MAX)
		return (-1);
	p->has_exts = true;
	p->ext[p->n_exts++] = (struct nhrp_ext){ .type = type, .compulsory = compulsory, .data = data };
	return (0);
}

void
nhrp_ext_drop(struct nhrp_packet *p, uint16_t type)
{
	size_t i, n = 0;

	for (i = 0; i < p->n_exts; i++)
		if (p->ext[i].type != type)
			p->ext[n++] = p->ext[i];
	p->n_exts = n;
}

int
nhrp_ext_cies(const struct nhrp_ext *e, const struct nhrp_packet *p, struct nhrp_cie *cie, size_t max, size_t *n)
{
	*n = 0;
	return (e == NULL ? 0 : nhrp_cies_get(cie, max, n, e->data, p, 0, NULL));
}

int
nhrp_ext_append(struct nhrp_ext *e, const struct nhrp_cie *c, struct nhrp_arena *a)
{
	uint8_t *out = a->b + a->n;
	size_t cap = sizeof(a->b) - a->n, len;

	if (e->data.len > cap)
		return (-1);
	if (e->data.len > 0)
		memcpy(out, e->data.p, e->data.len);
	if ((len = nhrp_cies_put(out + e->data.len, cap - e->data.len, c, 1)) == 0)
		return (-1);
	e->data = span_of(out, e->data.len + len);
	a->n += e->data.len;
	return (0);
}

bool
nhrp_ext_names(const struct nhrp_ext *e, const struct nhrp_packet *p, const struct addr *proto)
{
	struct nhrp_cie cie[NHRP_CIES_MAX];
	size_t i, n;

	if (nhrp_ext_cies(e, p, cie, NHRP_CIES_MAX, &n) != 0)
		return (false);
	for (i = 0; i < n; i++)
		if (addr_cmp(&cie[i].proto, proto) == 0)
			return (true);
	return (false);
}
