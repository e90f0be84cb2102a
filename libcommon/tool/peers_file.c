/* The peers file of ike-respond. */
#include "tool/peers_file.h"

#include <stdlib.h>
#include <string.h>

#include "cli/peer_addr.h"
#include "cli/ini_file.h"
#include "ike/v1/auth.h"
#include "tool/policy_opt.h"

/* One section: policy options and the allowed addresses of the peer. */
struct section_opts {
	struct policy_opts	policy;
	const char		*address;
};

static const struct opt section_optab[] = {
	OPT_STR(struct section_opts, address, 0, "address", "NET", "where the peer may come from"),
	OPT_INCLUDE(struct section_opts, policy, policy_optab),
	OPT_END
};

struct reading {
	const char	*path;
	struct peers	*out;
};

static bool
same_address(const struct ike_policy *a, const struct ike_policy *b)
{
	bool any_a = a->remote_addr.first.family == 0, any_b = b->remote_addr.first.family == 0;

	return (any_a == any_b && (any_a || selector_eq(&a->remote_addr, &b->remote_addr)));
}

static bool
same_id(const struct ike_policy *a, const struct ike_policy *b)
{
	if (a->remote_id.type == 0 || b->remote_id.type == 0)
		return (a->remote_id.type == b->remote_id.type);
	return (id_eq(&a->remote_id, &b->remote_id));
}

/* Two sections that match the same peers: the choice between them would be arbitrary. */
static int
check_apart(const struct ike_policy *a, const struct ike_policy *b, struct fault *f)
{
	if (a->exchange != b->exchange || !same_address(a, b))
		return (0);
	if (same_id(a, b))
		return (fault(f, FAULT_CONFIG, "[%s] has the same address, remote-id and exchange as [%s]",
		    b->name, a->name));
	/* RFC 2409 section 5.4: the key is in use before the identity is known */
	if (a->exchange == SA_MAIN && !v1_auth_may_switch(a, b))
		return (fault(f, FAULT_CONFIG, "main mode picks the secret by address, and [%s] and [%s] "
		    "have one address and two secrets", a->name, b->name));
	return (0);
}

static int
on_section(void *ctx, const char *name, void *opts, struct fault *f)
{
	struct reading *r = ctx;
	struct section_opts *o = opts;
	struct ike_policy *p, *grown;
	size_t i;

	if ((r->out->n & (r->out->n - 1)) == 0) {	/* room doubles */
		grown = realloc(r->out->p, (r->out->n == 0 ? 1 : 2 * r->out->n) * sizeof(*grown));
		if (grown == NULL)
			return (fault_sys(f, FAULT_MEMORY, "no memory for a section"));
		r->out->p = grown;
	}
	p = &r->out->p[r->out->n];
	o->policy.name = name;
	if ((o->policy.auth == AUTH_PSK || o->policy.auth == AUTH_XAUTH_INIT_PSK) && o->policy.psk_file == NULL)
		return (fault(f, FAULT_CONFIG, "section [%s] has no psk-file", name));
	if (policy_opts_build(p, &o->policy, strcmp(r->path, "-") == 0 ? NULL : r->path, true, f) != 0)
		return (-1);
	r->out->n++;
	if (o->address != NULL && strcmp(o->address, "any") != 0 &&
	    peer_net_parse(&p->remote_addr, o->address) != 0) {
		(void)fault(f, FAULT_BAD_ADDRESS, "'%s' is no address, network or FIRST-LAST", o->address);
		fault_option(f, "address");
		return (-1);
	}
	for (i = 0; i + 1 < r->out->n; i++)
		if (check_apart(&r->out->p[i], p, f) != 0)
			return (-1);
	return (0);
}

/* Networks and the protocol of the section replace those of [defaults]. */
static void
on_first(void *opts, const char *key)
{
	struct policy_opts *o = &((struct section_opts *)opts)->policy;
	struct opt_list *list;

	list = strcmp(key, "local-ts") == 0 ? &o->local_ts :
	    strcmp(key, "remote-ts") == 0 ? &o->remote_ts :
	    strcmp(key, "natt-versions") == 0 ? &o->natt_versions :
	    strcmp(key, "cert") == 0 ? &o->creds.cert : strcmp(key, "ca") == 0 ? &o->creds.ca :
	    strcmp(key, "crl") == 0 ? &o->creds.crl : strcmp(key, "peer-cert") == 0 ? &o->creds.peer_cert :
	    strcmp(key, "peer-cert-hash") == 0 ? &o->creds.peer_hash : NULL;
	if (list != NULL)
		list->n = 0;
	if (strcmp(key, "esp") == 0)
		o->ah = NULL;
	if (strcmp(key, "ah") == 0)
		o->esp = NULL;
}

int
peers_file_read(struct peers *out, const char *path, const struct policy_opts *given,
    struct fault *f)
{
	struct reading r = { .path = path, .out = out };
	const struct ini_conf conf = { .table = section_optab, .size = sizeof(struct section_opts),
	    .of = "a peer", .risk = "allowed addresses of the peer", .max = PEERS_MAX,
	    .no_key = "name", .apart = { "esp", "ah" }, .first = on_first, .section = on_section,
	    .ctx = &r };
	const struct section_opts defaults = { .policy = *given };
	struct ini_values values;

	*out = (struct peers){0};
	if (ini_file_read(&conf, &defaults, path, &values, f) != 0) {
		peers_wipe(out);
		return (-1);
	}
	ini_values_free(&values);	/* the policies have their own copies */
	return (0);
}

void
peers_wipe(struct peers *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		ike_policy_wipe(&p->p[i]);
	free(p->p);
	*p = (struct peers){0};
}
