/* XAuth: what both ends have in common. */
#include "ike/v1/xauth.h"

#include <stdlib.h>

#include "ike/v1/xauth_priv.h"
#include "ike/v1base/quirks.h"
#include "wire/vid.h"

const struct v1_xauth_value_row v1_xauth_values[V1_XAUTH_VALUES] = {
	[V1_XAUTH_USER] = { CONFIG_XAUTH_USER, "user", "XAUTH_USER_NAME" },
	[V1_XAUTH_PASSWORD] = { CONFIG_XAUTH_PASSWORD, "password", "XAUTH_USER_PASSWORD" },
	[V1_XAUTH_PASSCODE] = { CONFIG_XAUTH_PASSCODE, "passcode", "XAUTH_PASSCODE" },
	[V1_XAUTH_NEXT_PIN] = { CONFIG_XAUTH_NEXT_PIN, "next-pin", "XAUTH_NEXT_PIN" },
	[V1_XAUTH_ANSWER] = { CONFIG_XAUTH_ANSWER, "answer", "XAUTH_ANSWER" },
	[V1_XAUTH_DOMAIN] = { CONFIG_XAUTH_DOMAIN, "domain", "XAUTH_DOMAIN" },
};

int
v1_xauth_no_memory(struct fault *f)
{
	return (fault(f, FAULT_MEMORY, "no memory for XAuth"));
}

bool
v1_xauth_is_user(const struct v1_sa *sa)
{
	if (sa->auth != NULL && sa->auth->next == V1_AUTH_THEN_XAUTH)
		return (v1_auth_user(sa->auth) == sa->ike.role);
	/* After another method a gateway may ask as well. */
	return (!sa->ike.policy->xauth_check && (sa->ike.role == SA_INITIATOR || sa->ike.policy->xauth_user[0] != '\0'));
}

static bool
announced(const struct v1_sa *sa)
{
	const struct vid *v;
	struct span body;
	size_t at = 0;

	while (v1_vids_next(&sa->vids, &at, &body))
		if ((v = vid_find(body)) != NULL && v->kind == VID_XAUTH)
			return (true);
	return (false);
}

bool
v1_xauth_expected(const struct v1_sa *sa)
{
	const struct ike_policy *p = sa->ike.policy;

	return (sa->auth != NULL && sa->auth->next != V1_AUTH_THEN_XAUTH && sa->ike.role == SA_INITIATOR && !p->xauth_check &&
	    (p->xauth_user[0] != '\0' || p->xauth_ask) && sa->login.xauth == NULL && !sa->login.waited && announced(sa));
}

bool
v1_xauth_due(const struct v1_sa *sa)
{
	const bool ok = sa->ike.config != NULL && sa->ike.config->xauth == IKE_XAUTH_OK;

	if (sa->auth == NULL)
		return (false);
	if (sa->auth->next != V1_AUTH_THEN_XAUTH)	/* it is due when the gateway asks */
		return (v1_xauth_is_user(sa) && ((sa->login.xauth != NULL && !ok) || v1_xauth_expected(sa)));
	return (!ok || (!v1_xauth_is_user(sa) && (sa->login.xauth == NULL || !sa->login.xauth->told)));
}

/*
 * A family's own numbers may be those of mode config, which a client may not be asked about before the end of XAuth: until
 * then they mean XAuth.
 */
bool
v1_xauth_is_meant(const struct v1_sa *sa, const struct config *in)
{
	return (config_is_xauth(in, v1_xauth_is_user(sa) && (v1_xauth_due(sa) || (v1_quirk(&sa->vids, V1_QUIRK_XAUTH_NUMBERS) &&
	    (sa->ike.config == NULL || sa->ike.config->xauth != IKE_XAUTH_OK)))));
}

static void
xauth_free(struct v1_xauth *t)
{
	size_t i;

	for (i = 0; i < V1_XAUTH_VALUES; i++)
		secret_free(&t->value[i]);
	secret_free(&t->user);
	secret_free(&t->password);
	secret_free(&t->chap);
	secret_free(&t->state);
	free(t);
}

struct v1_xauth *
v1_xauth_of(struct v1_sa *sa, struct fault *f)
{
	if (sa->login.xauth == NULL) {
		if ((sa->login.xauth = calloc(1, sizeof(*sa->login.xauth))) == NULL) {
			(void)v1_xauth_no_memory(f);
			return (NULL);
		}
		sa->login.free = xauth_free;
		sa->login.xauth->check_point = v1_quirk(&sa->vids, V1_QUIRK_XAUTH_NUMBERS);
	}
	return (sa->login.xauth);
}

void
v1_xauth_put(const struct v1_xauth *t, struct wr *w, uint16_t attr, struct span value)
{
	uint16_t number = t->check_point ? config_check_point_number(attr) : attr;

	if (number != 0)
		isakmp_attr_put_bytes(w, number, value);
}

void
v1_xauth_put_number(const struct v1_xauth *t, struct wr *w, uint16_t attr, uint16_t value)
{
	isakmp_attr_put(w, t->check_point ? config_check_point_number(attr) : attr, value);
}

bool
v1_xauth_find(const struct v1_xauth *t, const struct config *in, uint16_t attr, struct isakmp_attr *a)
{
	if (config_find(in, attr, a))
		return (true);
	return (t->check_point && config_check_point_number(attr) != 0 && config_find(in, config_check_point_number(attr), a));
}

int
v1_xauth_chap(uint8_t out[1 + IKE_CHAP_LEN], uint8_t id, struct span password, struct span challenge, struct fault *f)
{
	const struct span parts[] = { span_of(&id, 1), password, challenge };
	uint8_t digest[HASH_MAX];

	if (hash_parts(alg_hash_word("md5"), digest, parts, sizeof(parts) / sizeof(parts[0]), f) != 0)
		return (-1);
	out[0] = id;
	memcpy(out + 1, digest, IKE_CHAP_LEN);
	wipe(digest, sizeof(digest));
	return (0);
}

const struct fault *
v1_xauth_cannot(const struct v1_sa *sa)
{
	return (sa->login.xauth != NULL && sa->login.xauth->cannot.code != FAULT_NONE ? &sa->login.xauth->cannot : NULL);
}

void
v1_xauth_goes_on(struct v1_sa *sa)
{
	if (v1_xauth_status_set(sa) && sa->ike.config != NULL && sa->ike.config->xauth == IKE_XAUTH_OK)
		sa->login.xauth->told = true;
}

bool
v1_xauth_status_set(const struct v1_sa *sa)
{
	return (sa->login.xauth != NULL && sa->login.xauth->status_set);
}
