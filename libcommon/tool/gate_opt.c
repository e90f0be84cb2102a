/* The options of a gateway's clients. */
#include "tool/gate_opt.h"

#include <ctype.h>
#include <stdio.h>

#include "cli/secret_file.h"
#include "cli/version.h"
#include "tool/ts_opt.h"

#define LEASE_MIN	60ULL
#define LEASE_MAX	315360000ULL	/* ten years */
#define DOMAIN_NAME_MAX	253

const struct opt gate_optab[] = {
	OPT_LIST(struct gate_opts, pool, 0, "pool", "NET",
	    "as gateway: addresses for clients, 10.3.0.0/24 or FIRST-LAST, and an IPv6 network"),
	OPT_SECONDS(struct gate_opts, lease_seconds, 0, "lease-time", "S", LEASE_MIN, LEASE_MAX,
	    "time for which a user's address is kept for it after its last use"),
	OPT_LIST(struct gate_opts, dns, 0, "dns", "ADDR", "name server for clients, IPv4 or IPv6"),
	OPT_LIST(struct gate_opts, nbns, 0, "nbns", "ADDR", "NetBIOS name server (WINS) for clients"),
	OPT_STR(struct gate_opts, domain, 0, "domain", "NAME", "default domain for clients"),
	OPT_LIST(struct gate_opts, split_dns, 0, "split-dns", "NAME", "domain that the name servers are for"),
	OPT_LIST(struct gate_opts, split, 0, "split-include", "NET",
	    "network that clients send through the tunnel (default: --local-ts)"),
	OPT_LIST(struct gate_opts, local_lan, 0, "local-lan", "NET", "network that clients may reach without the tunnel"),
	OPT_STR(struct gate_opts, banner, 0, "banner", "TEXT", "text that clients show to the user"),
	OPT_STR(struct gate_opts, banner_file, 0, "banner-file", "FILE", "the same from a file"),
	OPT_STR(struct gate_opts, redirect, 0, "redirect", "ADDR",
	    "as gateway: send clients that know Cisco's load balancing to this gateway (IPv4)"),
	OPT_END
};

struct opt_list *
gate_opts_list(struct gate_opts *o, const char *name)
{
	const struct { const char *name; struct opt_list *list; } lists[] = {
		{ "pool", &o->pool }, { "dns", &o->dns }, { "nbns", &o->nbns }, { "split-include", &o->split },
		{ "local-lan", &o->local_lan }, { "split-dns", &o->split_dns },
	};
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(lists[i].name, name) == 0)
			return (lists[i].list);
	return (NULL);
}

/* --- lists: an option that is repeated, or has commas in its value --- */

typedef int take_word(void *to, const char *word, struct fault *f);

static int
each_word(const struct opt_list *list, const char *option, take_word *take, void *to, struct fault *f)
{
	char word[SELECTOR_TEXT + DOMAIN_NAME_MAX];
	const char *p;
	size_t i, len;

	for (i = 0; i < list->n; i++)
		for (p = list->v[i]; *(p += strspn(p, ", \t")) != '\0'; p += len) {
			if ((len = strcspn(p, ", \t")) >= sizeof(word)) {
				(void)fault(f, FAULT_CONFIG, "'%.40s...' is too long", p);
				fault_option(f, option);
				return (-1);
			}
			(void)snprintf(word, sizeof(word), "%.*s", (int)len, p);
			if (take(to, word, f) != 0) {
				fault_option(f, option);
				return (-1);
			}
		}
	return (0);
}

struct addrs { struct addr *list; size_t *n; };

static int
take_addr(void *to, const char *word, struct fault *f)
{
	struct addrs *a = to;

	if (*a->n == SA_LIST_MAX)
		return (fault(f, FAULT_CONFIG, "more than %d addresses", SA_LIST_MAX));
	if (addr_parse(&a->list[*a->n], word) != 0 || a->list[*a->n].scope != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no address", word));
	(*a->n)++;
	return (0);
}

struct nets { struct selector *list; size_t *n; };

static int
take_net(void *to, const char *word, struct fault *f)
{
	struct nets *t = to;

	if (*t->n == SA_NETS_MAX)
		return (fault(f, FAULT_CONFIG, "more than %d networks", SA_NETS_MAX));
	if (ts_parse(&t->list[*t->n], word, f) != 0)
		return (-1);
	if (selector_prefix(&t->list[*t->n]) < 0 || t->list[*t->n].proto != 0)
		return (fault(f, FAULT_BAD_ADDRESS, "'%s' is no network with a prefix", word));
	(*t->n)++;
	return (0);
}

static int
check_domain(const char *name, struct fault *f)
{
	const char *p;

	for (p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-._", *p) == NULL)
			return (fault(f, FAULT_CONFIG, "'%.60s' is no domain", name));
	return (p == name || p - name > DOMAIN_NAME_MAX ? fault(f, FAULT_CONFIG, "the name is empty, or has more than %d "
	    "characters", DOMAIN_NAME_MAX) : 0);
}

static int
take_domain(void *to, const char *word, struct fault *f)
{
	struct ike_settings *s = to;
	size_t n = strlen(s->split_dns);

	if (check_domain(word, f) != 0)
		return (-1);
	if (n + strlen(word) + 2 > sizeof(s->split_dns))
		return (fault(f, FAULT_CONFIG, "the list is longer than %zu characters", sizeof(s->split_dns) - 1));
	(void)snprintf(s->split_dns + n, sizeof(s->split_dns) - n, "%s%s", n > 0 ? "," : "", word);
	return (0);
}

/* split-include must be within local-ts: no child SA covers other networks. */
static int
check_split(const struct ike_policy *p, struct fault *f)
{
	char text[SELECTOR_TEXT];
	size_t i, j;

	for (i = 0; i < p->give->n_split; i++) {
		for (j = 0; j < p->n_local_ts && !selector_covers(&p->local_ts[j], &p->give->split[i]); j++)
			;
		if (j < p->n_local_ts)
			continue;
		(void)fault(f, FAULT_CONFIG, "%s is not within local-ts", selector_net_text(text, &p->give->split[i]));
		fault_option(f, "split-include");
		return (-1);
	}
	return (0);
}

/* --- texts --- */

static int
build_domain(struct ike_settings *s, const char *domain, struct fault *f)
{
	if (domain == NULL)
		return (0);
	if (check_domain(domain, f) != 0) {
		fault_option(f, "domain");
		return (-1);
	}
	(void)snprintf(s->domain, sizeof(s->domain), "%s", domain);
	return (0);
}

static int
build_banner(struct ike_settings *s, const struct gate_opts *o, const char *beside, struct fault *f)
{
	struct bytes file = {0};
	struct span text = o->banner != NULL ? span_str(o->banner) : SPAN_NONE;
	int rc = 0;

	if (o->banner != NULL && o->banner_file != NULL)
		rc = fault(f, FAULT_CONFIG, "the banner is a text or a file, not both");
	else if (o->banner_file != NULL && (rc = file_bytes_read(&file, o->banner_file, SA_BANNER - 1, beside, f)) == 0)
		text = bytes_span(&file);
	if (rc == 0 && text.len >= sizeof(s->banner))
		rc = fault(f, FAULT_CONFIG, "the banner has more than %d bytes", SA_BANNER - 1);
	if (rc != 0)
		fault_option(f, o->banner_file != NULL ? "banner-file" : "banner");
	else if (text.len > 0)
		ike_settings_text(s->banner, sizeof(s->banner), text);
	file_bytes_free(&file);
	return (rc);
}

static int
build_redirect(struct ike_policy *p, const char *to, struct fault *f)
{
	if (to == NULL)
		return (0);
	if (addr_parse(&p->redirect, to) == 0 && p->redirect.family == 4)
		return (0);
	(void)fault(f, FAULT_BAD_ADDRESS, "'%s' is no IPv4 address", to);
	fault_option(f, "redirect");
	return (-1);
}

/* --- pools --- */

struct pools { struct ike_policy *p; uint64_t seconds; };

static int
take_pool(void *to, const char *word, struct fault *f)
{
	const struct pools *t = to;
	struct selector range;
	struct pool **at;

	if (ts_parse(&range, word, f) != 0)
		return (-1);
	at = range.first.family == 4 ? &t->p->pool : &t->p->pool6;
	if (*at != NULL)
		return (fault(f, FAULT_CONFIG, "there is one pool of a family: '%s' is the second", word));
	if ((*at = pool_new(&range, f)) == NULL)
		return (-1);
	pool_set_lease_time(*at, t->seconds);
	return (0);
}

int
gate_opts_build(struct ike_policy *p, const struct gate_opts *o, const char *beside, struct fault *f)
{
	struct ike_settings *s = p->give = ike_settings_new();

	if (s == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for mode config"));
	(void)snprintf(s->version, sizeof(s->version), "sapipe %s", VERSION);
	return (each_word(&o->pool, "pool", take_pool, &(struct pools){ p, o->lease_seconds }, f) != 0 ||
	    each_word(&o->dns, "dns", take_addr, &(struct addrs){ s->dns, &s->n_dns }, f) != 0 ||
	    each_word(&o->nbns, "nbns", take_addr, &(struct addrs){ s->nbns, &s->n_nbns }, f) != 0 ||
	    each_word(&o->split, "split-include", take_net, &(struct nets){ s->split, &s->n_split }, f) != 0 ||
	    check_split(p, f) != 0 ||
	    each_word(&o->local_lan, "local-lan", take_net, &(struct nets){ s->local_lan, &s->n_local_lan }, f) != 0 ||
	    each_word(&o->split_dns, "split-dns", take_domain, s, f) != 0 || build_domain(s, o->domain, f) != 0 ||
	    build_banner(s, o, beside, f) != 0 || build_redirect(p, o->redirect, f) != 0 ? -1 : 0);
}

static bool
overlap(const struct selector *a, const struct selector *b)
{
	return (selector_has_addr(a, &b->first) || selector_has_addr(b, &a->first));
}

/* 0, or -1: ${other} is a part of ${*pool}, or the other way round. */
static int
share(struct pool **pool, struct pool *other, const char *name, struct fault *f)
{
	char a[SELECTOR_TEXT], b[SELECTOR_TEXT];

	if (*pool == NULL || other == NULL || *pool == other)
		return (0);
	if (selector_eq(pool_range(*pool), pool_range(other))) {
		pool_free(*pool);
		*pool = pool_ref(other);
		return (0);
	}
	if (!overlap(pool_range(*pool), pool_range(other)))
		return (0);
	(void)fault(f, FAULT_CONFIG, "%s overlaps with %s, the pool of [%s]", selector_net_text(a, pool_range(*pool)),
	    selector_net_text(b, pool_range(other)), name);
	fault_option(f, "pool");
	return (-1);
}

int
gate_share_pools(struct ike_policy *p, const struct ike_policy *others, size_t n, struct fault *f)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (share(&p->pool, others[i].pool, others[i].name, f) != 0 ||
		    share(&p->pool6, others[i].pool6, others[i].name, f) != 0)
			return (-1);
	return (0);
}
