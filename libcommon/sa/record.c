/* Copies and wipes SA records. */
#include "sa/record.h"

/* Nothing but the secrets is worth wipe(): they are in memory of their own. */
void
sa_ike_wipe(struct sa_ike *s)
{
	secret_free(&s->skeyid);
	secret_free(&s->skeyid_d);
	secret_free(&s->skeyid_a);
	secret_free(&s->skeyid_e);
	secret_free(&s->cipher);
	memset(s, 0, sizeof(*s));
}

void
sa_child_wipe(struct sa_child *s)
{
	secret_free(&s->enc_in);
	secret_free(&s->auth_in);
	secret_free(&s->enc_out);
	secret_free(&s->auth_out);
	memset(s, 0, sizeof(*s));
}

size_t
sa_rec_size(enum sa_type type)
{
	static const size_t body[] = {
		[SA_IKE] = sizeof(struct sa_ike), [SA_CHILD] = sizeof(struct sa_child),
		[SA_DELETE] = sizeof(struct sa_del), [SA_EVENT] = sizeof(struct sa_event),
		[SA_STAT] = sizeof(struct sa_stat), [SA_TUN_STAT] = sizeof(struct sa_tun_stat),
		[SA_NHRP_BINDING] = sizeof(struct sa_nhrp_binding), [SA_NHRP_EVENT] = sizeof(struct sa_nhrp_event),
		[SA_NEXT_HOP] = sizeof(struct sa_next_hop),
	};

	return (offsetof(struct sa_rec, ike) + body[type]);
}

void
sa_rec_wipe(struct sa_rec *r)
{
	if (r->type == SA_IKE)
		sa_ike_wipe(&r->ike);
	else if (r->type == SA_CHILD)
		sa_child_wipe(&r->child);
	else
		memset(r, 0, sa_rec_size(r->type));
	r->type = SA_NONE;
}

void
sa_traffic_put(uint8_t p[SA_TRAFFIC_LEN], const struct sa_event *e)
{
	memcpy(p, e->spi_in, sizeof(e->spi_in));
	put_be64(p + 4, e->bytes_in);
	put_be64(p + 12, e->bytes_out);
	put_be64(p + 20, e->packets_in);
	put_be64(p + 28, e->packets_out);
}

void
sa_traffic_get(struct sa_event *e, const uint8_t p[SA_TRAFFIC_LEN])
{
	e->has_spi_in = e->has_count = true;
	memcpy(e->spi_in, p, sizeof(e->spi_in));
	e->bytes_in = get_be64(p + 4);
	e->bytes_out = get_be64(p + 12);
	e->packets_in = get_be64(p + 20);
	e->packets_out = get_be64(p + 28);
}

/* The plain copy shares the secrets of ${from}: each gets bytes of its own. */
static int
own(struct secret *to, const struct secret *from)
{
	*to = (struct secret){0};
	return (secret_set(to, secret_span(from)));
}

int
sa_ike_copy(struct sa_ike *to, const struct sa_ike *from)
{
	int rc = 0;

	*to = *from;
	rc |= own(&to->skeyid, &from->skeyid);
	rc |= own(&to->skeyid_d, &from->skeyid_d);
	rc |= own(&to->skeyid_a, &from->skeyid_a);
	rc |= own(&to->skeyid_e, &from->skeyid_e);
	rc |= own(&to->cipher, &from->cipher);
	if (rc != 0)
		sa_ike_wipe(to);
	return (rc);
}

int
sa_child_copy(struct sa_child *to, const struct sa_child *from)
{
	int rc = 0;

	*to = *from;
	rc |= own(&to->enc_in, &from->enc_in);
	rc |= own(&to->auth_in, &from->auth_in);
	rc |= own(&to->enc_out, &from->enc_out);
	rc |= own(&to->auth_out, &from->auth_out);
	if (rc != 0)
		sa_child_wipe(to);
	return (rc);
}

int
sa_rec_copy(struct sa_rec *to, const struct sa_rec *from)
{
	to->type = from->type;
	if (from->type == SA_IKE)
		return (sa_ike_copy(&to->ike, &from->ike));
	if (from->type == SA_CHILD)
		return (sa_child_copy(&to->child, &from->child));
	memcpy(to, from, sa_rec_size(from->type));
	return (0);
}

bool
sa_binding_valid(const struct sa_nhrp_binding *b)
{
	if (b->prefix > 8 * addr_len(&b->proto) || (b->via.family != 0 && b->via.family != b->proto.family))
		return (false);
	if (b->nat_nbma.family != 0 && b->nat_nbma.family != b->nbma.family)
		return (false);
	return (b->nbma.family != 0 || b->holding == 0 || b->kind == NHRP_KIND_NEGATIVE);
}
