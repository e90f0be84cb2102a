/* Values from SA records. They replace no value that is already known. */
#include "explain/records.h"

static int
take(struct calc *c, enum val v, struct span value, struct fault *f)
{
	return (c->has[v] || value.len == 0 ? 0 : calc_set(c, v, value, f));
}

int
calc_from_ike(struct calc *c, const struct sa_ike *s, struct fault *f)
{
	/* If the inputs of a value are given, it is computed, not read from the record. */
	bool made = c->sub == SUB_SKEYID && (c->has[V_PSK] || c->has[V_NI] || c->has[V_NR]);
	bool derived = c->sub == SUB_SKEYID && (made || c->has[V_SKEYID] || c->has[V_GXY] ||
	    c->has[V_PRIVATE] || c->has[V_PUBLIC]);

	if (c->hash == NULL && (c->hash = alg_hash_word(s->hash)) == NULL)
		return (fault(f, FAULT_BAD_RECORD, "hash %s is unknown", s->hash));
	if (c->enc == NULL && (c->enc = alg_enc_name(s->encryption, s->key_bits)) == NULL)
		return (fault(f, FAULT_BAD_RECORD, "encryption %s with %u bits is unknown",
		    s->encryption, s->key_bits));
	if (c->group == NULL)
		c->group = alg_group_word(s->group);
	c->has_ends = true;
	c->local = s->local.at;
	c->remote = s->remote.at;
	if (take(c, V_CKY_I, SPAN_ARRAY(s->spi_i), f) == -1 ||
	    take(c, V_CKY_R, SPAN_ARRAY(s->spi_r), f) == -1 ||
	    (!made && take(c, V_SKEYID, secret_span(&s->skeyid), f) == -1))
		return (-1);
	if (!derived && (take(c, V_SKEYID_D, secret_span(&s->skeyid_d), f) == -1 ||
	    take(c, V_SKEYID_A, secret_span(&s->skeyid_a), f) == -1 ||
	    take(c, V_SKEYID_E, secret_span(&s->skeyid_e), f) == -1))
		return (-1);
	/* Only with a message ID; without one the IV of phase 1 is wanted, which does not use it. */
	if (c->sub == SUB_IV && c->has[V_MID])
		return (take(c, V_LAST, span_of(s->iv, s->iv_len), f));
	return (0);
}

int
calc_join(struct secret *out, const struct secret *enc, const struct secret *auth, struct fault *f)
{
	if (enc->len + auth->len > SECRET_MAX || secret_make(out, enc->len + auth->len) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for keys"));
	if (enc->len > 0)
		memcpy(out->p, enc->p, enc->len);
	if (auth->len > 0)
		memcpy(out->p + enc->len, auth->p, auth->len);
	return (0);
}

int
calc_from_child(struct calc *c, const struct sa_child *s, struct fault *f)
{
	uint8_t protocol = s->protocol == SA_AH ? 2 : 3;

	c->has_child = true;
	memcpy(c->child_spi_in, s->spi_in, 4);
	memcpy(c->child_spi_out, s->spi_out, 4);
	if (c->keymat_len == 0 && c->esp.enc == NULL && c->esp.integ == NULL) {
		if (s->encryption[0] != '\0' &&
		    (c->esp.enc = alg_enc_name(s->encryption, s->key_bits)) == NULL)
			return (fault(f, FAULT_BAD_RECORD, "encryption %s with %u bits is unknown",
			    s->encryption, s->key_bits));
		if (s->integrity[0] != '\0' &&
		    (c->esp.integ = alg_integ_name(s->integrity)) == NULL)
			return (fault(f, FAULT_BAD_RECORD, "integrity %s is unknown",
			    s->integrity));
	}
	if (take(c, V_PROTOCOL, span_of(&protocol, 1), f) == -1 ||
	    calc_join(&c->child_in, &s->enc_in, &s->auth_in, f) == -1 ||
	    calc_join(&c->child_out, &s->enc_out, &s->auth_out, f) == -1)
		return (-1);
	return (0);
}
