/* The file of peers, which is that of a tunnel too. */
#include "tool/peers_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/peer_addr.h"
#include "cli/ini_file.h"
#include "ike/v1base/auth.h"
#include "tool/policy_opt.h"

enum mode { MODE_RESPOND, MODE_PICK, MODE_CHECK };

struct reading {
	const char	*path;
	struct peers	*out;
	enum mode	 mode;
	const char	*pick;		/* the section wanted, MODE_PICK */
	bool		 scan;		/* without policies */
	size_t		 n_found;
	const struct peers_check *check;
	size_t		 n_wrong;
	size_t		 n_skipped;	/* sections of the other role */
	bool		 has_run;	/* what the first section of a responder says: */
	struct run_opts	 run;
	char		 run_name[INI_NAME];
	char		 tun_words[PEERS_TUN_WORDS];
	/* The devices in use so far, MODE_CHECK. */
	size_t		 n_tuns;
	struct tun_use { const char *tun; char by[INI_NAME]; bool initiator; const char *failover; bool has_source; } *tuns;
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

/* Room for one more of ${n} policies: it doubles. */
static int
grow(struct ike_policy **p, size_t n, struct fault *f)
{
	struct ike_policy *grown;

	if ((n & (n - 1)) != 0)
		return (0);
	if ((grown = realloc(*p, (n == 0 ? 1 : 2 * n) * sizeof(*grown))) == NULL)
		return (fault_sys(f, FAULT_MEMORY, "no memory for a section"));
	*p = grown;
	return (0);
}

/* Pools are shared with all sections before this one. */
static int
share_pools(const struct peers *out, struct ike_policy *p, size_t n, size_t n_groups, struct fault *f)
{
	return (gate_share_pools(p, out->p, n, f) != 0 || gate_share_pools(p, out->groups, n_groups, f) != 0 ? -1 : 0);
}

#define GROUP	"group "

/* A group is no peer: it has neither address nor secret. */
static int
on_group(const struct reading *r, const char *name, struct policy_opts *o, struct fault *f)
{
	struct peers *out = r->out;

	if (name[0] == '\0')
		return (fault(f, FAULT_CONFIG, "section [" GROUP "NAME] has no name"));
	if (grow(&out->groups, out->n_groups, f) != 0)
		return (-1);
	o->name = name;
	if (policy_opts_build(&out->groups[out->n_groups], o, strcmp(r->path, "-") == 0 ? NULL : r->path, false, f) != 0)
		return (-1);
	out->n_groups++;
	return (share_pools(out, &out->groups[out->n_groups - 1], out->n, out->n_groups - 1, f));
}

/* Whether a section of that role counts here. */
static bool
is_ours(const struct reading *r, const char *name, enum section_role role)
{
	return (r->mode == MODE_CHECK || (r->mode == MODE_PICK ? strcmp(name, r->pick) == 0 : role != ROLE_INITIATOR));
}

/* What a section needs for its role. A section with a fault may have meant to say it. */
static int
check_complete(const struct reading *r, const char *name, const struct section_opts *o, bool initiator, struct fault *f)
{
	bool psk = o->policy.auth == AUTH_PSK || o->policy.auth == AUTH_XAUTH_INIT_PSK;

	if (o->spoilt)
		return (0);
	if (r->mode == MODE_CHECK && o->role == ROLE_ANY)
		return (fault(f, FAULT_CONFIG, "section [%s] has no role: initiator or responder", name));
	if (psk && o->policy.psk_file == NULL)
		return (fault(f, FAULT_CONFIG, "section [%s] has no psk-file", name));
	if (initiator && o->address == NULL)
		return (fault(f, FAULT_CONFIG, "section [%s] has no address of the peer", name));
	if (r->mode == MODE_CHECK && !initiator && o->run.xauth_exec == NULL &&
	    v1_auth_find(o->policy.auth)->next == V1_AUTH_THEN_XAUTH)
		return (fault(f, FAULT_CONFIG, "section [%s] has no xauth-exec, which judges the users", name));
	return (0);
}

/* The addresses of the section. */
static int
check_address(struct selector *remote, const struct section_opts *o, bool initiator, struct fault *f)
{
	const char *own = initiator ? o->run.local : o->run.listen;
	char host[PEER_HOST];
	struct endpoint at;
	uint16_t port;

	if (own != NULL && local_parse(&at, own, 0, f) != 0) {
		fault_option(f, initiator ? "local" : "listen");
		return (-1);
	}
	if (o->address == NULL)
		return (0);
	if (initiator ? peer_split(host, &port, o->address, f) == 0 :
	    strcmp(o->address, "any") == 0 || peer_net_parse(remote, o->address) == 0)
		return (0);
	if (!initiator)
		(void)fault(f, FAULT_BAD_ADDRESS, "'%s' is no address, network or FIRST-LAST", o->address);
	fault_option(f, "address");
	return (-1);
}

/* All responders of a file are one process: what the sections say of it must be the same. */
static int
share_run(struct reading *r, const char *name, const struct section_opts *o, const char *words, struct fault *f)
{
	const char *key;

	if (!r->has_run) {
		r->has_run = true;
		r->run = o->run;
		(void)snprintf(r->run_name, sizeof(r->run_name), "%s", name);
		(void)snprintf(r->tun_words, sizeof(r->tun_words), "%s", words);
		(void)snprintf(r->out->tun_words, sizeof(r->out->tun_words), "%s", words);
		return (0);
	}
	if (o->spoilt)
		return (0);
	key = section_differs(&r->run, &o->run);
	if (key == NULL && strcmp(words, r->tun_words) != 0)
		key = "tun";
	if (key == NULL)
		return (0);
	(void)fault(f, FAULT_CONFIG, "is not that of [%s], and both have one responder%s: put it into [defaults]", r->run_name,
	    strcmp(key, "tun") == 0 ? " and one device" : "");
	fault_option(f, key);
	return (-1);
}

/* Members of a failover group are alike in what vpnmon has one option for. */
static int
check_group(const struct reading *r, const struct link_opts *l, struct fault *f)
{
	for (size_t i = 0; i < r->n_tuns && l->failover != NULL; i++)
		if (r->tuns[i].failover != NULL && strcmp(r->tuns[i].failover, l->failover) == 0 &&
		    r->tuns[i].has_source != (l->probe_source != NULL)) {
			(void)fault(f, FAULT_CONFIG, "all members of a group have a probe-source, or none: [%s] is another member", r->tuns[i].by);
			fault_option(f, "failover");
			return (-1);
		}
	return (0);
}

/* No two tunnels on one device, which ${key} names. */
static int
claim_tun(struct reading *r, const char *name, const char *key, const char *tun, const struct link_opts *l, bool initiator,
    struct fault *f)
{
	size_t i;
	void *more;

	if (tun == NULL)
		return (0);
	for (i = 0; i < r->n_tuns; i++) {
		if (strcmp(r->tuns[i].tun, tun) == 0 && strcmp(r->tuns[i].by, name) == 0)
			return (0);	/* a section with a fault comes here again */
		if (strcmp(r->tuns[i].tun, tun) == 0 && (initiator || r->tuns[i].initiator)) {
			(void)fault(f, FAULT_CONFIG, "%s is the device of [%s]", tun, r->tuns[i].by);
			fault_option(f, key);
			return (-1);
		}
	}
	if ((more = realloc(r->tuns, (r->n_tuns + 1) * sizeof(*r->tuns))) == NULL)
		return (fault_sys(f, FAULT_MEMORY, "no memory for a device"));
	r->tuns = more;
	r->tuns[r->n_tuns] = (struct tun_use){ .tun = tun, .initiator = initiator, .failover = l->failover,
	    .has_source = l->probe_source != NULL };
	(void)snprintf(r->tuns[r->n_tuns++].by, INI_NAME, "%s", name);
	return (0);
}

/* The section ${p} goes with the ones before it. */
static int
check_together(struct reading *r, const char *name, const struct section_opts *o, struct ike_policy *p, bool initiator,
    struct fault *f)
{
	struct peers_line line = { .name = name, .initiator = initiator, .address = o->address, .tun = o->tun.tun, .link = &o->link };
	char words[PEERS_TUN_WORDS], gre[PEERS_TUN_WORDS], nhrp[PEERS_TUN_WORDS], probe[PEERS_TUN_WORDS];
	size_t i;

	if (section_words(words, sizeof(words), o, SECTION_TUN, f) != 0 ||
	    section_words(gre, sizeof(gre), o, SECTION_GRE, f) != 0 ||
	    section_words(nhrp, sizeof(nhrp), o, SECTION_NHRP, f) != 0 ||
	    section_words(probe, sizeof(probe), o, SECTION_PROBE, f) != 0 ||
	    (!initiator && share_run(r, name, o, words, f) != 0))
		return (-1);
	for (i = 0; i < r->out->n && !initiator; i++)
		if (check_apart(&r->out->p[i], p, f) != 0)
			return (-1);
	if (share_pools(r->out, p, r->out->n, r->out->n_groups, f) != 0)
		return (-1);
	if (r->mode != MODE_CHECK)
		return (0);
	if (name[0] == '.' || name[0] == '-' || name[strspn(name,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] != '\0')
		return (fault(f, FAULT_CONFIG, "the name of section [%s] is also that of files: "
		    "letters, digits, '.', '_' and '-' only", name));
	if ((!o->spoilt && section_check_link(o, initiator, f) != 0) || check_group(r, &o->link, f) != 0 ||
	    claim_tun(r, name, "tun", o->tun.tun, &o->link, initiator, f) != 0 ||
	    claim_tun(r, name, "gre-tun", o->link.gre_tun, &o->link, true, f) != 0)
		return (-1);
	line.tun_words = words;
	line.gre_words = gre;
	line.nhrp_words = nhrp;
	line.probe_words = probe;
	if (!o->spoilt)
		r->check->line(r->check->ctx, &line);
	return (0);
}

static int
on_section(void *ctx, const char *name, void *opts, struct fault *f)
{
	struct reading *r = ctx;
	struct section_opts *o = opts;
	bool initiator = r->mode == MODE_PICK || o->role == ROLE_INITIATOR, secret;
	struct ike_policy *p;

	if (strncmp(name, GROUP, sizeof(GROUP) - 1) == 0)
		return (r->mode == MODE_PICK || r->scan ? 0 : on_group(r, name + sizeof(GROUP) - 1, &o->policy, f));
	if (!is_ours(r, name, o->role)) {
		r->n_skipped++;
		return (0);
	}
	if (r->mode == MODE_PICK && o->role == ROLE_RESPONDER)
		return (fault(f, FAULT_CONFIG, "section [%s] has role = responder", name));
	if (r->n_found++ == 0) {
		r->out->run = o->run;
		r->out->address = o->address;
		r->out->auth = o->policy.auth;
	}
	if (r->scan)
		return (0);
	if (grow(&r->out->p, r->out->n, f) != 0 || check_complete(r, name, o, initiator, f) != 0)
		return (-1);
	p = &r->out->p[r->out->n];
	o->policy.name = name;
	o->policy.xauth_ask = o->policy.xauth_ask || (initiator && o->run.xauth_ask != NULL);
	/* The secret is no file any more when that was wrong. */
	secret = !o->spoilt || o->policy.psk_file != NULL;
	if (policy_opts_build(p, &o->policy, strcmp(r->path, "-") == 0 ? NULL : r->path, secret, f) != 0)
		return (-1);
	if (check_address(&p->remote_addr, o, initiator, f) != 0 || check_together(r, name, o, p, initiator, f) != 0) {
		ike_policy_wipe(p);
		return (-1);
	}
	if (r->mode == MODE_CHECK && initiator) {	/* no rival of the responder's policies */
		ike_policy_wipe(p);
		return (0);
	}
	r->out->n++;
	return (0);
}

static void
on_wrong(void *ctx, void *opts, const struct fault *f)
{
	struct reading *r = ctx;
	struct section_opts *o = opts;

	o->spoilt = true;
	r->n_wrong++;
	r->check->wrong(r->check->ctx, f);
}

/* No section was of use. */
static int
none(const struct reading *r, struct fault *f)
{
	if (r->mode == MODE_PICK)
		(void)fault(f, FAULT_CONFIG, "there is no section [%.60s]", r->pick);
	else
		(void)fault(f, FAULT_CONFIG, r->n_skipped > 0 ? "no section describes a peer of a responder: all have "
		    "role = initiator" : "no section describes a peer: all are of groups");
	fault_where(f, "%s", strrchr(r->path, '/') != NULL ? strrchr(r->path, '/') + 1 : r->path);
	return (-1);
}

static int
read_sections(struct reading *r, const struct policy_opts *given, struct fault *f)
{
	const struct ini_conf conf = { .table = section_optab, .size = sizeof(struct section_opts),
	    .of = "a peer", .risk = "allowed addresses of the peer", .max = PEERS_MAX,
	    .no_key = "name", .pair = { "esp", "ah" }, .first = section_first, .set = section_set,
	    .wrong = r->check != NULL ? on_wrong : NULL, .section = on_section, .ctx = r };
	const struct section_opts defaults = SECTION_OPTS_DEFAULT(*given);
	int rc;

	*r->out = (struct peers){0};
	rc = ini_file_read(&conf, &defaults, r->path, &r->out->values, f);
	free(r->tuns);
	if (rc == 0 && r->n_wrong > 0 && r->mode != MODE_CHECK) {
		peers_wipe(r->out);
		return (1);
	}
	if (rc == 0 && r->n_found == 0 && r->mode != MODE_CHECK)
		rc = none(r, f);
	if (rc != 0)
		peers_wipe(r->out);
	return (rc);
}

int
peers_file_read(struct peers *out, const char *path, const struct policy_opts *given,
    struct fault *f)
{
	struct reading r = { .path = path, .out = out };

	return (read_sections(&r, given, f));
}

int
peers_file_reread(struct peers *out, const char *path, const char *name, const struct policy_opts *given,
    void (*wrong)(void *ctx, const struct fault *f), void *ctx, struct fault *f)
{
	const struct peers_check c = { .wrong = wrong, .ctx = ctx };
	struct reading r = { .path = path, .out = out, .mode = name != NULL ? MODE_PICK : MODE_RESPOND, .pick = name, .check = &c };

	return (read_sections(&r, given, f));
}

int
peers_file_pick(struct peers *out, const char *path, const char *name, const struct policy_opts *given, struct fault *f)
{
	struct reading r = { .path = path, .out = out, .mode = MODE_PICK, .pick = name };

	return (read_sections(&r, given, f));
}

int
peers_file_scan(struct peers *out, const char *path, const char *name, const struct policy_opts *given, struct fault *f)
{
	struct reading r = { .path = path, .out = out, .mode = name != NULL ? MODE_PICK : MODE_RESPOND, .pick = name,
	    .scan = true };

	return (read_sections(&r, given, f));
}

int
peers_file_check(const char *path, const struct peers_check *c, struct fault *f)
{
	const struct policy_opts given = POLICY_OPTS_DEFAULT;
	struct peers out = {0};
	struct reading r = { .path = path, .out = &out, .mode = MODE_CHECK, .check = c };

	if (read_sections(&r, &given, f) != 0)
		return (-1);
	peers_wipe(&out);
	return (0);
}

void
peers_wipe(struct peers *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		ike_policy_wipe(&p->p[i]);
	for (i = 0; i < p->n_groups; i++)
		ike_policy_wipe(&p->groups[i]);
	free(p->p);
	free(p->groups);
	ini_values_free(&p->values);
	*p = (struct peers){0};
}
