/* IKE SAs of any version: their resources and the common part of their records. */
#include "ike/sa.h"

#include <stdio.h>
#include <stdlib.h>

int
ike_sa_init(struct ike_sa *sa, const struct ike_version *version, struct ike_engine *e,
    struct ike_policy *policy, enum sa_role role, const struct endpoint *local,
    const struct endpoint *remote)
{
	if (ike_sa_set_name(sa, policy->name) != 0)
		return (-1);
	sa->version = version;
	sa->engine = e;
	sa->policy = policy;
	sa->role = role;
	sa->local.at = *local;
	sa->remote.at = *remote;
	sa->own_addr = local->addr;
	sa->peer_addr = remote->addr;
	(void)snprintf(sa->natt.version, sizeof(sa->natt.version), "none");
	/* RFC 3947 section 4: what begins on port 4500 stays there. */
	if (local->port == NATT_PORT) {
		sa->floated = true;
		sa->natt.marker = SA_MARKER_NON_ESP;
	}
	sa->soft_ms = sa->hard_ms = sa->delete_ms = sa->keepalive_ms = UINT64_MAX;
	return (0);
}

int
ike_sa_set_name(struct ike_sa *sa, const char *name)
{
	char *copy = strdup(name);

	if (copy == NULL)
		return (-1);
	free(sa->name);
	sa->name = copy;
	return (0);
}

void
ike_sa_clear(struct ike_sa *sa)
{
	free(sa->local.id);
	free(sa->remote.id);
	free(sa->name);
	if (sa->config != NULL && sa->policy->pool != NULL)
		pool_release(sa->policy->pool, &sa->config->address);
	free(sa->config);
	sa->local.id = sa->remote.id = NULL;
	sa->name = NULL;
	sa->config = NULL;
}

struct ike_config *
ike_sa_config(struct ike_sa *sa)
{
	if (sa->config == NULL)
		sa->config = calloc(1, sizeof(*sa->config));
	return (sa->config);
}

void
ike_config_text(char out[SA_TEXT], struct span from)
{
	size_t i;

	for (i = 0; i < from.len && i < SA_TEXT - 1; i++)
		out[i] = (char)((from.p[i] < ' ' && from.p[i] != '\n') || from.p[i] == 0x7f ? '?' : from.p[i]);
	out[i] = '\0';
}

static const char *const xauth_words[] = { "", "pending", "ok", "failed" };	/* by enum ike_xauth */

static void
record_config(const struct ike_config *c, struct sa_ike *s)
{
	size_t i;

	if (c->xauth != IKE_XAUTH_NONE) {
		(void)snprintf(s->xauth_user, sizeof(s->xauth_user), "%s", c->user);
		(void)snprintf(s->xauth_status, sizeof(s->xauth_status), "%s", xauth_words[c->xauth]);
	}
	/* The address of a gateway's client is none of this machine's. */
	if (!c->client || (c->address.family == 0 && c->address6.family == 0))
		return;
	s->has_config = true;
	(void)addr_text(s->address, c->address.family != 0 ? &c->address : &c->address6);
	if (c->netmask.family != 0)
		(void)addr_text(s->netmask, &c->netmask);
	(void)snprintf(s->domain, sizeof(s->domain), "%s", c->domain);
	(void)snprintf(s->banner, sizeof(s->banner), "%s", c->banner);
	for (i = 0; i < c->n_dns; i++)
		(void)addr_text(s->dns[i], &c->dns[i]);
	for (i = 0; i < c->n_nbns; i++)
		(void)addr_text(s->nbns[i], &c->nbns[i]);
	for (i = 0; i < c->n_split; i++)
		(void)selector_net_text(s->split[i], &c->split[i]);
	s->n_dns = c->n_dns;
	s->n_nbns = c->n_nbns;
	s->n_split = c->n_split;
}

/* Addresses and networks of a record. */
static bool
adopt_values(struct ike_config *c, const struct sa_ike *s)
{
	struct addr a;
	bool ok = addr_parse(&a, s->address) == 0 && (s->netmask[0] == '\0' || addr_parse(&c->netmask, s->netmask) == 0);
	size_t i;

	if (ok)
		*(a.family == 4 ? &c->address : &c->address6) = a;
	for (i = 0; ok && i < s->n_dns; i++)
		ok = addr_parse(&c->dns[i], s->dns[i]) == 0;
	for (i = 0; ok && i < s->n_nbns; i++)
		ok = addr_parse(&c->nbns[i], s->nbns[i]) == 0;
	for (i = 0; ok && i < s->n_split; i++)
		ok = selector_parse(&c->split[i], s->split[i]) == 0;
	c->n_dns = s->n_dns;
	c->n_nbns = s->n_nbns;
	c->n_split = s->n_split;
	c->client = true;
	(void)snprintf(c->domain, sizeof(c->domain), "%s", s->domain);
	(void)snprintf(c->banner, sizeof(c->banner), "%s", s->banner);
	return (ok);
}

int
ike_sa_adopt_config(struct ike_sa *sa, const struct sa_ike *s, struct fault *f)
{
	struct ike_config *c;
	size_t i;

	if (s->xauth_status[0] == '\0' && (!s->has_config || s->address[0] == '\0'))
		return (0);
	if ((c = ike_sa_config(sa)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
	for (i = 0; i < sizeof(xauth_words) / sizeof(xauth_words[0]); i++)
		if (strcmp(xauth_words[i], s->xauth_status) == 0)
			c->xauth = (enum ike_xauth)i;
	(void)snprintf(c->user, sizeof(c->user), "%s", s->xauth_user);
	if (s->has_config && s->address[0] != '\0' && !adopt_values(c, s))
		return (fault(f, FAULT_BAD_RECORD, "the config of the ike-sa record has an address or network that is none"));
	return (0);
}

void
ike_sa_id(const struct ike_sa *sa, uint8_t id[16])
{
	memcpy(id, sa->spi_i, sizeof(sa->spi_i));
	memcpy(id + sizeof(sa->spi_i), sa->spi_r, sizeof(sa->spi_r));
}

bool
ike_sa_same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
	return (a->policy == b->policy && ike_id_eq(a->remote.id, b->remote.id));
}

/* Nothing shows that the peer's address is real. */
static bool
is_unproven(const struct ike_sa *sa)
{
	return (sa->role == SA_RESPONDER && sa->state == IKE_SA_HALF_OPEN && !sa->returned);
}

bool
ike_sa_may_send(const struct ike_sa *sa, size_t len, struct ike_outbox *out)
{
	char to[ENDPOINT_TEXT];

	if (!is_unproven(sa) || sa->bytes_out + len <= IKE_AMPLIFY_MAX * sa->bytes_in)
		return (true);
	outbox_note(out, NOTE_DEBUG, "%s: %zu bytes are too many for %zu that came from there",
	    endpoint_text(to, &sa->remote.at), len, sa->bytes_in);
	return (false);
}

void
ike_sa_send(struct ike_sa *sa, struct span message, struct ike_outbox *out)
{
	if (!ike_sa_may_send(sa, message.len, out))
		return;
	if (is_unproven(sa))
		sa->bytes_out += message.len;
	outbox_datagram(out, &sa->local.at, &sa->remote.at, message);
}

bool
ike_sa_hears(struct ike_sa *sa, const struct endpoint *remote, bool has_spis, size_t len,
    struct ike_outbox *out)
{
	bool ours = sa->role == SA_INITIATOR;
	char from[ENDPOINT_TEXT], peer[ENDPOINT_TEXT];

	if (sa->state != IKE_SA_HALF_OPEN)
		return (true);
	if (addr_cmp(&sa->remote.at.addr, &remote->addr) != 0) {
		outbox_note(out, ours ? NOTE_INFO : NOTE_DEBUG,
		    "a message of phase 1 with %s came from %s: dropped",
		    endpoint_text(peer, &sa->remote.at), endpoint_text(from, remote));
		return (false);
	}
	sa->returned = sa->returned || has_spis;
	sa->bytes_in += len;
	return (true);
}

void
ike_sa_heard(struct ike_sa *sa, struct now now)
{
	sa->heard_ms = now.ms;
}

const char *
ike_at_text(char text[ENDPOINT_TEXT], const struct endpoint *at)
{
	return (at->port != 0 ? endpoint_text(text, at) : addr_text(text, &at->addr));
}

struct sa_end
ike_end_record(const struct ike_end *end)
{
	return ((struct sa_end){ .at = end->at, .id = ike_id_get(end->id) });
}

void
ike_sa_record(const struct ike_sa *sa, struct sa_ike *s)
{
	(void)snprintf(s->name, sizeof(s->name), "%s", sa->name);
	memcpy(s->spi_i, sa->spi_i, sizeof(s->spi_i));
	memcpy(s->spi_r, sa->spi_r, sizeof(s->spi_r));
	s->role = sa->role;
	s->local = ike_end_record(&sa->local);
	s->remote = ike_end_record(&sa->remote);
	s->natt = sa->natt;
	s->established = sa->established;
	s->lifetime = sa->lifetime;
	if (sa->config != NULL)
		record_config(sa->config, s);
}
