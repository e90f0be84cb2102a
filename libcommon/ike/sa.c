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
ike_sa_clear(struct ike_sa *sa, uint64_t epoch)
{
	free(sa->local.id);
	free(sa->remote.id);
	free(sa->name);
	if (sa->config != NULL) {
		ike_policy_release(ike_sa_scope(sa), epoch, &sa->config->address);
		ike_policy_release(ike_sa_scope(sa), epoch, &sa->config->address6);
		free(sa->config->settings);
	}
	free(sa->config);
	sa->local.id = sa->remote.id = NULL;
	sa->name = NULL;
	sa->config = NULL;
}

const struct ike_policy *
ike_sa_scope(const struct ike_sa *sa)
{
	return (sa->group != NULL ? sa->group : sa->policy);
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
	ike_settings_text(out, SA_TEXT, from);
}

static const char *const xauth_words[] = { "", "pending", "ok", "failed" };	/* by enum ike_xauth */

static void
record_config(const struct ike_config *c, struct sa_ike *s)
{
	if (c->xauth != IKE_XAUTH_NONE) {
		(void)snprintf(s->xauth_user, sizeof(s->xauth_user), "%s", c->user);
		(void)snprintf(s->xauth_group, sizeof(s->xauth_group), "%s", c->group);
		(void)snprintf(s->xauth_status, sizeof(s->xauth_status), "%s", xauth_words[c->xauth]);
	}
	/* The address of a gateway's client is none of this machine's. */
	if (!c->client || (c->address.family == 0 && c->address6.family == 0))
		return;
	s->has_config = true;
	if (c->address.family != 0)
		(void)addr_text(s->address, &c->address);
	if (c->address6.family != 0)
		(void)addr_text(s->address6, &c->address6);
	if (c->netmask.family != 0)
		(void)addr_text(s->netmask, &c->netmask);
	if (c->settings != NULL)
		ike_settings_record(c->settings, s);
}

/* An address of a record; "": none. Older records have an IPv6 address in the place of an IPv4 one. */
static bool
adopt_address(struct ike_config *c, const char *text)
{
	struct addr a;

	if (text[0] == '\0')
		return (true);
	if (addr_parse(&a, text) != 0)
		return (false);
	*(a.family == 4 ? &c->address : &c->address6) = a;
	return (true);
}

/* Addresses and networks of a record. */
static bool
adopt_values(struct ike_config *c, const struct sa_ike *s)
{
	c->client = true;
	return (adopt_address(c, s->address) && adopt_address(c, s->address6) &&
	    (s->netmask[0] == '\0' || addr_parse(&c->netmask, s->netmask) == 0) &&
	    ike_settings_adopt(c->settings, s) == 0);
}

int
ike_sa_adopt_config(struct ike_sa *sa, const struct sa_ike *s, struct fault *f)
{
	const bool has_address = s->has_config && (s->address[0] != '\0' || s->address6[0] != '\0');
	struct ike_config *c;
	size_t i;

	if (s->xauth_status[0] == '\0' && !has_address)
		return (0);
	if ((c = ike_sa_config(sa)) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
	for (i = 0; i < sizeof(xauth_words) / sizeof(xauth_words[0]); i++)
		if (strcmp(xauth_words[i], s->xauth_status) == 0)
			c->xauth = (enum ike_xauth)i;
	(void)snprintf(c->user, sizeof(c->user), "%s", s->xauth_user);
	(void)snprintf(c->group, sizeof(c->group), "%s", s->xauth_group);
	if (!has_address)
		return (0);
	if ((c->settings = ike_settings_new()) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for an IKE SA"));
	if (!adopt_values(c, s))
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
	outbox_note_peer(out, NOTE_DEBUG, endpoint_text(to, &sa->remote.at),
	    "%s: %zu bytes are too many for %zu that came from there", to, len, sa->bytes_in);
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
		if (ours)
			sa->elsewhere = *remote;
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
