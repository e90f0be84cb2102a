/* ICMP errors about the size of outer packets: which SA they are about, and what its packets may have from then on. */
#include <stdlib.h>

#include "datapath/datapath_priv.h"

#define QUOTE_MAX	64	/* bytes of a quote that matter: SPI and number, behind an AH at most */

static uint64_t
hash_of(const struct datapath *dp, const uint8_t spi[4])
{
	return (hash_bytes(spi, 4, dp->path_mtus.salt));
}

int
dp_pmtu_add(struct datapath *dp, struct esp_pair *pair)
{
	struct own *own = pair->user;

	return (table_put(&dp->by_spi_out, &own->by_spi_out, hash_of(dp, pair->out.spi)));
}

void
dp_pmtu_remove(struct datapath *dp, struct own *own)
{
	table_remove(&dp->by_spi_out, &own->by_spi_out);
}

/* The SA whose packet to ${remote} the error quotes; NULL: none of ours, or it cannot be told. */
static struct esp_sa *
quoted(struct datapath *dp, enum sa_proto protocol, const struct addr *remote, struct span quote)
{
	const struct own *own;
	struct table_node *n;
	struct esp_sa *sa;
	uint8_t spi[4];

	if (!pmtu_spi(protocol, quote, spi))
		return (NULL);
	for (n = table_first(&dp->by_spi_out, hash_of(dp, spi)); n != NULL; n = table_next(&dp->by_spi_out, n)) {
		own = ENTRY_OF(n, struct own, by_spi_out);
		sa = &dp->by_id[own->id]->out;
		if (sa->protocol == protocol && addr_cmp(&sa->dst.addr, remote) == 0 && pmtu_is_ours(sa, quote))
			return (sa);
	}
	return (NULL);
}

void
dp_path_changed(struct datapath *dp, const struct addr *remote)
{
	struct esp_pair *pair;
	struct own *own;

	for (size_t i = 0; (pair = sadb_at(dp->db, i)) != NULL; i++)
		if (addr_cmp(&pair->out.dst.addr, remote) == 0 && (own = pair->user) != NULL)
			own->path_mtu = 0;	/* to be computed again; packets go on with what was known */
	dp->mtu_whole = true;
	dp_mtu(dp, false);
}

struct dp_toobig_late {
	enum sa_proto	 protocol;
	struct addr	 remote;
	uint32_t	 mtu;
	size_t		 len;
	uint8_t		 quote[QUOTE_MAX];
};

/* Anybody can send ICMP errors: what does not fit is lost, as it may be on its way. */
static void
leave_it(struct datapath *dp, enum sa_proto protocol, const struct addr *remote, uint32_t mtu, struct span quote)
{
	struct dp_toobig_late *l;

	if (dp->toobigs == NULL)
		dp->toobigs = calloc(DP_ERRORS, sizeof(*dp->toobigs));
	if (dp->toobigs == NULL || dp->n_toobigs == DP_ERRORS)
		return;
	l = &dp->toobigs[dp->n_toobigs++];
	*l = (struct dp_toobig_late){ .protocol = protocol, .remote = *remote, .mtu = mtu,
	    .len = quote.len < QUOTE_MAX ? quote.len : QUOTE_MAX };
	if (l->len > 0)
		memcpy(l->quote, quote.p, l->len);
	dp_stir(dp);
}

void
dp_toobig_late(struct datapath *dp)
{
	struct dp_toobig_late l;

	/* The lock is left in between, and more may come. */
	for (size_t i = 0; i < dp->n_toobigs; i++) {
		l = dp->toobigs[i];
		dp_toobig(dp, l.protocol, &l.remote, l.mtu, span_of(l.quote, l.len));
	}
	dp->n_toobigs = 0;
}

void
dp_toobig(struct datapath *dp, enum sa_proto protocol, const struct addr *remote, uint32_t mtu, struct span quote)
{
	uint64_t now_ms = clock_now(&dp->clock).ms;
	char text[ADDR_TEXT];

	if (worker_mine != NULL) {
		leave_it(dp, protocol, remote, mtu, quote);
		return;
	}
	if (quoted(dp, protocol, remote, quote) == NULL) {
		dp->path_mtus.ignored++;
		return;
	}
	dp->path_mtus.believed++;
	if (!pmtu_lower(&dp->path_mtus, remote, dp_path_mtu(dp, remote, NULL), mtu, now_ms))
		return;
	dp_note(dp, 1, "path MTU to %s is %zu", addr_text(text, remote), dp_path_mtu(dp, remote, NULL));
	dp_path_changed(dp, remote);
}

void
dp_raw_errors(struct datapath *dp, enum rawesp_which which)
{
	struct rawesp_error e;

	for (int i = 0; i < DP_ERRORS && rawesp_toobig(&dp->raw, which, &e); i++)
		dp_toobig(dp, which == RAWESP_ESP4 || which == RAWESP_ESP6 ? SA_ESP : SA_AH, &e.remote.addr, e.mtu,
		    span_of(e.quote, e.len));
}
