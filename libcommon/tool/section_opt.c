/* The keys of a section of a peers file. */
#include "tool/section_opt.h"

#include <stdio.h>
#include <string.h>

static const struct opt_word roles[] = { { "initiator", ROLE_INITIATOR }, { "responder", ROLE_RESPONDER }, { NULL, 0 } };
static const struct opt_word no_interval[] = { { "off", UINT32_MAX }, { NULL, 0 } };

#define T struct section_opts
static const struct opt tun_address[] = {
	OPT_LIST(T, tun.addresses, 0, "tun-address", "CIDR", "assign this address to the device"),
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
	OPT_END
};
#undef T

/* The row of esp-tun's option that ${key} is; NULL: it is another tool's. */
static const struct opt *
tun_row(const char *key)
{
	static const struct opt *const tables[] = { tun_dev_optab, tun_packet_optab, tun_address };
	const struct opt *r;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (r = tables[i]; r->type != OPT_T_END; r++)
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
	const struct opt *row = tun_row(key);
	struct opt_list *list;
	size_t i, n = 0;

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
	    strcmp(key, "nhtb") == 0 ? &s->tun.nhtb : gate_opts_list(&o->gate, key);
	if (list != NULL)
		list->n = 0;
}

void
section_set(void *opts, const char *key, const char *value)
{
	struct section_opts *o = opts;
	const struct opt *row = tun_row(key);

	if (row != NULL && o->n_tun_keys < SECTION_TUN_KEYS)
		o->tun_keys[o->n_tun_keys++] = (struct section_key){ row, value };
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
section_tun_words(char *out, size_t cap, const struct section_opts *o, struct fault *f)
{
	const struct section_key *k;
	size_t n = 0;

	for (k = o->tun_keys; k < o->tun_keys + o->n_tun_keys; k++) {
		bool on = strcmp(k->value, "yes") == 0;

		if (k->row->type == OPT_T_FLAG && !on)
			continue;
		put(out, cap, &n, " --", 3);
		if (k->row->type == OPT_T_PAIR && !on)
			put(out, cap, &n, "no-", 3);
		put(out, cap, &n, k->row == tun_address ? "address" : k->row->name,
		    strlen(k->row == tun_address ? "address" : k->row->name));
		if (k->row->type == OPT_T_FLAG || k->row->type == OPT_T_PAIR)
			continue;
		put(out, cap, &n, " ", 1);
		put_word(out, cap, &n, k->value);
	}
	if (n >= cap)
		return (fault(f, FAULT_CONFIG, "the options of the device are longer than %zu bytes", cap - 1));
	out[n] = '\0';
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
