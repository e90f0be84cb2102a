/* Child SAs of any version: what they own, and their records. */
#include "ike/child.h"

#include <stdio.h>
#include <stdlib.h>

struct ike_child *
ike_child_new(struct ike_policy *policy)
{
	struct ike_child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return (NULL);
	c->policy = policy;
	c->soft_ms = c->hard_ms = c->delete_ms = UINT64_MAX;
	return (c);
}

void
ike_child_forget_keys(struct ike_child *c)
{
	secret_free(&c->enc_in);
	secret_free(&c->auth_in);
	secret_free(&c->enc_out);
	secret_free(&c->auth_out);
}

void
ike_child_free(struct ike_child *c)
{
	if (c == NULL)
		return;
	ike_child_forget_keys(c);
	free(c->local.id);
	free(c->remote.id);
	free(c->name);
	free(c);
}

void
ike_child_record(const struct ike_child *c, enum sa_use use, struct ike_outbox *out)
{
	struct sa_rec *rec = outbox_record(out, SA_CHILD);
	struct sa_child *s;
	const struct esp_proposal *alg = &c->proposal;

	if (rec == NULL)
		return;
	s = &rec->child;
	(void)snprintf(s->name, sizeof(s->name), "%s", c->name != NULL ? c->name : "");
	memcpy(s->ike, c->ike, sizeof(s->ike));
	memcpy(s->spi_in, c->spi_in, sizeof(s->spi_in));
	memcpy(s->spi_out, c->spi_out, sizeof(s->spi_out));
	memcpy(s->replaces, c->replaces, sizeof(s->replaces));
	s->initiator = c->initiator;
	s->use = use;
	s->protocol = c->protocol;
	s->mode = c->mode;
	s->encap = c->encap;
	s->local = ike_end_record(&c->local);
	s->remote = ike_end_record(&c->remote);
	s->n_local_ts = s->n_remote_ts = 1;
	s->local_ts[0] = c->local_ts;
	s->remote_ts[0] = c->remote_ts;
	if (alg->enc != NULL) {
		(void)snprintf(s->encryption, sizeof(s->encryption), "%s", alg->enc->name);
		s->key_bits = alg->enc->key_bits;
	}
	if (alg->integ != NULL)
		(void)snprintf(s->integrity, sizeof(s->integrity), "%s", alg->integ->name);
	if (alg->group != NULL)
		(void)snprintf(s->group, sizeof(s->group), "%s", alg->group->word);
	s->esn = alg->esn;
	outbox_record_secret(out, &s->enc_in, &c->enc_in);
	outbox_record_secret(out, &s->auth_in, &c->auth_in);
	outbox_record_secret(out, &s->enc_out, &c->enc_out);
	outbox_record_secret(out, &s->auth_out, &c->auth_out);
	s->established = c->established;
	s->lifetime = c->lifetime;
}
