/* Copies and wipes SA records. */
#include "sa/record.h"

void
sa_ike_wipe(struct sa_ike *s)
{
	secret_free(&s->skeyid);
	secret_free(&s->skeyid_d);
	secret_free(&s->skeyid_a);
	secret_free(&s->skeyid_e);
	secret_free(&s->cipher);
	wipe(s, sizeof(*s));
}

void
sa_child_wipe(struct sa_child *s)
{
	secret_free(&s->enc_in);
	secret_free(&s->auth_in);
	secret_free(&s->enc_out);
	secret_free(&s->auth_out);
	wipe(s, sizeof(*s));
}

void
sa_rec_wipe(struct sa_rec *r)
{
	if (r->type == SA_IKE)
		sa_ike_wipe(&r->ike);
	else if (r->type == SA_CHILD)
		sa_child_wipe(&r->child);
	*r = (struct sa_rec){ .type = SA_NONE };
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
	*to = (struct sa_rec){ .type = from->type };
	if (from->type == SA_IKE)
		return (sa_ike_copy(&to->ike, &from->ike));
	if (from->type == SA_CHILD)
		return (sa_child_copy(&to->child, &from->child));
	*to = *from;
	return (0);
}
