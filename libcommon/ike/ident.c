/* Identities that SAs keep, each in as many bytes as it needs. */
#include "ike/ident.h"

#include <stdlib.h>

int
ike_id_set(struct ike_id **to, const struct id *id)
{
	struct ike_id *copy = malloc(sizeof(*copy) + id->len);

	if (copy == NULL)
		return (-1);
	copy->type = id->type;
	copy->proto = id->proto;
	copy->port = id->port;
	copy->len = id->len;
	copy->place = 0;
	memcpy(copy->data, id->data, id->len);
	free(*to);
	*to = copy;
	return (0);
}

int
ike_id_copy(struct ike_id **to, const struct ike_id *from)
{
	struct id id = ike_id_get(from);

	if (from == NULL)
		return (0);
	if (ike_id_set(to, &id) != 0)
		return (-1);
	(*to)->place = from->place;
	return (0);
}

struct id
ike_id_get(const struct ike_id *id)
{
	struct id out = {0};

	if (id == NULL)
		return (out);
	out.type = id->type;
	out.proto = id->proto;
	out.port = id->port;
	out.len = id->len;
	memcpy(out.data, id->data, id->len);
	return (out);
}

bool
ike_id_eq(const struct ike_id *a, const struct ike_id *b)
{
	struct id x = ike_id_get(a), y = ike_id_get(b);

	return (id_eq(&x, &y) && (a == NULL || b == NULL || a->place == b->place));
}

uint64_t
ike_id_hash(const struct ike_id *id, uint64_t salt)
{
	struct id x = ike_id_get(id);

	return (id_hash(&x, salt));
}
