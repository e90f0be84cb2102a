/* IKE SAs of any version: what they own, and what a record has of it. */
#include "ike/sa.h"

#include <stdio.h>
#include <stdlib.h>

int
ike_sa_set_name(struct ike_sa *sa, const char *name)
{
	char *copy = strdup(name);

	if (copy == NULL)
		return (-1);
	free(sa->name);
	sa->name = copy;
	return (0);
}

void
ike_sa_clear(struct ike_sa *sa)
{
	free(sa->local.id);
	free(sa->remote.id);
	free(sa->name);
	sa->local.id = sa->remote.id = NULL;
	sa->name = NULL;
}

void
ike_sa_id(const struct ike_sa *sa, uint8_t id[16])
{
	memcpy(id, sa->spi_i, sizeof(sa->spi_i));
	memcpy(id + sizeof(sa->spi_i), sa->spi_r, sizeof(sa->spi_r));
}

struct sa_end
ike_end_record(const struct ike_end *end)
{
	return ((struct sa_end){ .at = end->at, .id = ike_id_get(end->id) });
}

void
ike_sa_record(const struct ike_sa *sa, struct sa_ike *s)
{
	(void)snprintf(s->name, sizeof(s->name), "%s", sa->name);
	memcpy(s->spi_i, sa->spi_i, sizeof(s->spi_i));
	memcpy(s->spi_r, sa->spi_r, sizeof(s->spi_r));
	s->role = sa->role;
	s->local = ike_end_record(&sa->local);
	s->remote = ike_end_record(&sa->remote);
	s->natt = sa->natt;
	s->established = sa->established;
	s->lifetime = sa->lifetime;
}
