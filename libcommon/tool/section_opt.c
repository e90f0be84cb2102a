/* The keys of a section of a peers file. */
#include "tool/section_opt.h"

#include <stdio.h>
#include <string.h>

#include "esp/tos.h"
#include "net/tun_name.h"

static const struct opt_word roles[] = { { "initiator", ROLE_INITIATOR }, { "responder", ROLE_RESPONDER }, { NULL, 0 } };
static const struct opt_word no_interval[] = { { "off", UINT32_MAX }, { NULL, 0 } };

#define T struct section_opts
static const struct opt tun_address[] = {
	OPT_LIST(T, tun.addresses, 0, "tun-address", "CIDR", "assign this address to the device"),
	OPT_END
};

static const struct opt gre_rows[] = {
	OPT_STR(T, link.gre_tun, 0, "gre-tun", "NAME", "name of the GRE device"),
	OPT_STR(T, link.gre_address, 0, "gre-address", "CIDR", "own address in the GRE network"),
	OPT_STR(T, link.gre_local, 0, "gre-local", "ADDRESS", "send GRE from this address"),
	OPT_NUM(T, link.gre_key, 0, "gre-key", "N", 0, 4294967295, "key of the GRE tunnel"),
	OPT_NUM(T, link.gre_mtu, 0, "gre-mtu", "N", 576, 65000, "MTU of the GRE device"),
	OPT_END
};

static const struct opt nhrp_rows[] = {
	OPT_SECONDS(T, link.nhrp_holding_s, 0, "nhrp-holding-time", "S", 3, 65535, "holding time of bindings"),
	OPT_STR(T, link.nhrp_auth_file, 0, "nhrp-auth-file", "FILE", "secret of the authentication extension"),
	OPT_LIST(T, link.nhrp_prefixes, 0, "nhrp-prefix", "CIDR", "a network behind this end"),
	OPT_END
};

static const struct opt probe_rows[] = {
	OPT_MILLIS(T, link.probe_interval_ms, 0, "probe-interval", "S", 20, 86400000, "seconds between probes"),
	OPT_NUM(T, link.probe_threshold, 0, "probe-threshold", "N", 1, 1000000, "unanswered probes until the tunnel is down"),
	OPT_END
};

static const struct opt_word nhrp_words[] = { { "hub", NHRP_HUB }, { "spoke", NHRP_SPOKE }, { NULL, 0 } };

static const struct opt link_rows[] = {
	OPT_CHOICE(T, link.nhrp, 0, "nhrp-role", "hub|spoke", "NHRP and GRE through the tunnel", .words = nhrp_words),
	OPT_STR(T, link.failover, 0, "failover", "GROUP", "group of initiators, of which the first that is up carries the routes"),
	OPT_STR(T, link.probe, 0, "probe", "ADDR", "address behind the tunnel that vpnmon probes"),
	OPT_STR(T, link.probe_source, 0, "probe-source", "ADDR", "source address of the probes"),
	OPT_END
};

const struct opt section_optab[] = {
	OPT_CHOICE(T, role, 0, "role", "initiator|responder", "which end of the connection this is", .words = roles),
	OPT_STR(T, address, 0, "address", "NET", "where the peer is, or may come from"),
	OPT_STR(T, run.local, 0, "local", "ADDR[:PORT]", "local address and IKE port of an initiator"),
	OPT_STR(T, run.listen, 0, "listen", "ADDR[:PORT]", "the same of a responder"),
	OPT_STR(T, run.xauth_ask, 0, "xauth-ask", "CMD", "answers what the gateway asks for"),
	OPT_STR(T, run.xauth_exec, 0, "xauth-exec", "CMD", "judges users"),
	OPT_STR(T, run.account, 0, "xauth-account", "CMD", "reports the sessions of users"),
	OPT_SECONDS(T, run.account_s, 0, "xauth-account-interval", "S|off", 1, 86400, "time between reports",
	    .words = no_interval),
	OPT_CHOICE(T, run.tcp, 0, "encap", "udp|tcp", "Cisco's TCP encapsulation"),
	OPT_NUM(T, run.tcp_port, 0, "tcp-port", "PORT", 1, 65535, "its port"),
	OPT_INCLUDE(T, policy, policy_optab),
	OPT_INCLUDE(T, tun, tun_dev_optab),
	OPT_INCLUDE(T, tun, tun_packet_optab),
	{ .type = OPT_T_INCLUDE, .include = tun_address },
	{ .type = OPT_T_INCLUDE, .include = gre_rows },
	{ .type = OPT_T_INCLUDE, .include = nhrp_rows },
	{ .type = OPT_T_INCLUDE, .include = probe_rows },
	{ .type = OPT_T_INCLUDE, .include = link_rows },
	OPT_END
};
#undef T

/* The options of the tools, and what their keys have in front of the option's name. */
static const struct { const struct opt *rows; enum section_tool tool; const char *prefix; } tables[] = {
	{ tun_dev_optab, SECTION_TUN, "" }, { tun_packet_optab, SECTION_TUN, "" }, { tun_address, SECTION_TUN, "tun-" },
	{ gre_rows, SECTION_GRE, "gre-" }, { nhrp_rows, SECTION_NHRP, "nhrp-" }, { probe_rows, SECTION_PROBE, "probe-" },
};

/* The row of such an option that ${key} is, and its table; NULL: it is another tool's. */
static const struct opt *
tool_row(const char *key, size_t *table)
{
	const struct opt *r;

	for (*table = 0; *table < sizeof(tables) / sizeof(tables[0]); ++*table)
		for (r = tables[*table].rows; r->type != OPT_T_END; r++)
			if (r->name != NULL && strcmp(r->name, key) == 0)
				return (r);
	return (NULL);
}

/* Networks and the protocol of the section replace those of [defaults]. */
void
section_first(void *opts, const char *key, bool both)
{
	struct section_opts *s = opts;
	struct policy_opts *o = &s->policy;
	size_t i, n = 0, table;
	const struct opt *row = tool_row(key, &table);
	struct opt_list *list;

	for (i = 0; i < s->n_tun_keys; i++)
		if (s->tun_keys[i].row != row)
			s->tun_keys[n++] = s->tun_keys[i];
	s->n_tun_keys = n;
	/* A section that has both wants a bundle. */
	if (strcmp(key, "esp") == 0 && !both)
		o->ah = NULL;
	if (strcmp(key, "ah") == 0 && !both)
		o->esp = NULL;
	list = strcmp(key, "local-ts") == 0 ? &o->local_ts :
	    strcmp(key, "remote-ts") == 0 ? &o->remote_ts :
	    strcmp(key, "natt-versions") == 0 ? &o->natt_versions :
	    strcmp(key, "cert") == 0 ? &o->creds.cert : strcmp(key, "ca") == 0 ? &o->creds.ca :
	    strcmp(key, "crl") == 0 ? &o->creds.crl : strcmp(key, "peer-cert") == 0 ? &o->creds.peer_cert :
	    strcmp(key, "peer-cert-hash") == 0 ? &o->creds.peer_hash :
	    strcmp(key, "tun-address") == 0 ? &s->tun.addresses :
	    strcmp(key, "nhrp-prefix") == 0 ? &s->link.nhrp_prefixes :
	    strcmp(key, "nhtb") == 0 ? &s->tun.nhtb : gate_opts_list(&o->gate, key);
	if (list != NULL)
		list->n = 0;
}

void
section_set(void *opts, const char *key, const char *value)
{
	struct section_opts *o = opts;
	size_t table;
	const struct opt *row = tool_row(key, &table);

	if (row != NULL && o->n_tun_keys < SECTION_TUN_KEYS)
		o->tun_keys[o->n_tun_keys++] = (struct section_key){ row, table, value };
}

/* Adds ${c} to the ${*n} bytes of ${out}, if there is room for it and the NUL. */
static void
put(char *out, size_t cap, size_t *n, const char *text, size_t len)
{
	if (*n + len < cap)
		memcpy(out + *n, text, len);
	*n += len;
}

/* ${text} as one word of a shell: in quotes where it needs them. */
static void
put_word(char *out, size_t cap, size_t *n, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+-";

	if (text[0] != '\0' && text[strspn(text, plain)] == '\0') {
		put(out, cap, n, text, strlen(text));
		return;
	}
	put(out, cap, n, "'", 1);
	for (; *text != '\0'; text++)
		if (*text == '\'')
			put(out, cap, n, "'\\''", 4);
		else
			put(out, cap, n, text, 1);
	put(out, cap, n, "'", 1);
}

int
section_words(char *out, size_t cap, const struct section_opts *o, enum section_tool tool, struct fault *f)
{
	const struct section_key *k;
	const char *name;
	size_t n = 0;

	for (k = o->tun_keys; k < o->tun_keys + o->n_tun_keys; k++) {
		bool on = strcmp(k->value, "yes") == 0;

		if (tables[k->table].tool != tool || (k->row->type == OPT_T_FLAG && !on))
			continue;
		name = k->row->name + strlen(tables[k->table].prefix);
		put(out, cap, &n, " --", 3);
		if (k->row->type == OPT_T_PAIR && !on)
			put(out, cap, &n, "no-", 3);
		put(out, cap, &n, name, strlen(name));
		if (k->row->type == OPT_T_FLAG || k->row->type == OPT_T_PAIR)
			continue;
		put(out, cap, &n, " ", 1);
		put_word(out, cap, &n, k->value);
	}
	if (n >= cap)
		return (fault(f, FAULT_CONFIG, "the options of one tool are longer than %zu bytes", cap - 1));
	out[n] = '\0';
	return (0);
}

/* A fault of the key ${key}. */
static int
wrong(struct fault *f, const char *key, const char *text, const char *value)
{
	(void)fault(f, FAULT_CONFIG, text, value);
	fault_option(f, key);
	return (-1);
}

/* ${text}, if it is given, is an address. */
static int
check_addr(const char *key, const char *text, struct fault *f)
{
	struct addr a;

	return (text == NULL || addr_parse(&a, text) == 0 ? 0 : wrong(f, key, "'%s' is no address", text));
}

/* ${text}, if it is given, is the name of a device. */
static int
check_device(const char *key, const char *text, struct fault *f)
{
	return (text == NULL || tun_name_ok(text) ? 0 : wrong(f, key, "\"%s\" is no name for an interface", text));
}

/* What only esp-tun reads, and would find when everything else is there. */
static int
check_tun(const struct tun_opts *t, struct fault *f)
{
	struct dscp_map map;
	const char *name;
	struct route own;
	struct addr hop;
	size_t i;

	if (check_device("tun", t->tun, f) != 0)
		return (-1);
	for (i = 0; i < t->addresses.n; i++)
		if (tun_address_parse(&own, t->addresses.v[i], f) != 0)
			return (wrong(f, "tun-address", "\"%s\" is no address, nor an address with its prefix", t->addresses.v[i]));
	for (i = 0; i < t->nhtb.n; i++)
		if (t->nhtb.v[i][0] != '@' && tun_hop_parse(&hop, &name, t->nhtb.v[i], "nhtb", f) != 0)
			return (wrong(f, "nhtb", "\"%s\" is not NEXTHOP=NAME", t->nhtb.v[i]));
	dscp_map_init(&map, NULL);
	if (t->dscp_map != NULL && dscp_map_parse(&map, t->dscp_map, f) != 0)
		return (wrong(f, "dscp-map", "\"%s\" is not FROM:TO,... with values from 0 to 63", t->dscp_map));
	return (0);
}

static int
check_nhrp(const struct section_opts *o, bool initiator, struct fault *f)
{
	const struct link_opts *l = &o->link;
	struct route own;
	size_t i;

	if (l->nhrp == NHRP_OFF) {
		for (i = 0; i < o->n_tun_keys; i++)
			if (tables[o->tun_keys[i].table].tool == SECTION_GRE || tables[o->tun_keys[i].table].tool == SECTION_NHRP)
				return (wrong(f, o->tun_keys[i].row->name, "needs nhrp-role = %s in this section", initiator ? "spoke" : "hub"));
		return (0);
	}
	if (initiator != (l->nhrp == NHRP_SPOKE))
		return (wrong(f, "nhrp-role", "a hub is a responder, a spoke an initiator%s", ""));
	if (l->gre_tun == NULL || l->gre_address == NULL)
		return (wrong(f, "nhrp-role", "needs %s in this section", l->gre_tun == NULL ? "gre-tun" : "gre-address"));
	if (o->tun.tun != NULL && strcmp(o->tun.tun, l->gre_tun) == 0)
		return (wrong(f, "gre-tun", "%s is the device of tun", l->gre_tun));
	if (tun_address_parse(&own, l->gre_address, f) != 0)
		return (wrong(f, "gre-address", "'%s' is no address, nor an address with its prefix", l->gre_address));
	if (l->nhrp_auth_file != NULL && l->nhrp_auth_file[0] != '/')
		return (wrong(f, "nhrp-auth-file", "'%s' is not an absolute path", l->nhrp_auth_file));
	return (check_addr("gre-local", l->gre_local, f));
}

int
section_check_link(const struct section_opts *o, bool initiator, struct fault *f)
{
	const struct link_opts *l = &o->link;

	if (check_tun(&o->tun, f) != 0 || check_device("gre-tun", l->gre_tun, f) != 0 ||
	    check_nhrp(o, initiator, f) != 0 || check_addr("probe", l->probe, f) != 0 ||
	    check_addr("probe-source", l->probe_source, f) != 0)
		return (-1);
	if (l->failover == NULL)
		return (l->probe == NULL ? 0 : wrong(f, "probe", "needs failover = %s in this section", "GROUP"));
	if (!initiator)
		return (wrong(f, "failover", "members of a failover group are initiators%s", ""));
	if (l->failover[0] == '\0' || l->failover[strspn(l->failover,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] != '\0')
		return (wrong(f, "failover", "'%s' is no name of a group: letters, digits, '_' and '-' only", l->failover));
	if (o->tun.tun == NULL || l->probe == NULL)
		return (wrong(f, "failover", "needs %s in this section", o->tun.tun == NULL ? "tun" : "probe"));
	return (0);
}

static bool
same_text(const char *a, const char *b)
{
	return (a == NULL ? b == NULL : b != NULL && strcmp(a, b) == 0);
}

const char *
section_differs(const struct run_opts *a, const struct run_opts *b)
{
	return (!same_text(a->listen, b->listen) ? "listen" : !same_text(a->xauth_exec, b->xauth_exec) ? "xauth-exec" :
	    !same_text(a->account, b->account) ? "xauth-account" :
	    a->account_s != b->account_s ? "xauth-account-interval" : a->tcp != b->tcp ? "encap" :
	    a->tcp_port != b->tcp_port ? "tcp-port" : NULL);
}
