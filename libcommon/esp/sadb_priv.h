/* The table of SAs, for sadb.c and sadb_packet.c. */
#ifndef SAPIPE_ESP_SADB_PRIV_H
#define SAPIPE_ESP_SADB_PRIV_H

#include "esp/defrag.h"
#include "esp/peer_ports.h"
#include "esp/sadb.h"
#include "esp/spd.h"

/* The flow of a recent packet and its outbound SA: one cache line. */
struct flow {
	_Alignas(ESP_SA_LINE) uint8_t src[16];
	uint8_t		dst[16];
	uint16_t	sport, dport;
	uint8_t		proto, family;
	bool		ports;
	uint64_t	age;		/* of the table when it was made; 0: empty */
	struct esp_sa	*sa;
};

/* A first fragment that was accepted, for its later fragments (RFC 4301, 7.3). */
struct frag {
	struct addr	src, dst;
	uint32_t	id;
	uint8_t		proto;
	bool		out;
	uint64_t	serial;		/* of the pair; 0: empty */
};

struct sadb {
	struct sadb_config conf;
	uint8_t		 salt[16];	/* of the digests of keys: in memory that is not locked they must not serve a search for keys */
	struct esp_pair	**pairs;	/* in order of arrival */
	size_t		 n, cap;
	struct esp_sa	*buckets[SADB_BUCKETS];	/* inbound ones */
	struct spd	 spd;
	struct heap	 ends;		/* of the pairs */
	struct table	 heirs;		/* pairs by peer and selectors, see has_heir() */
	uint64_t	 age, serial;
	int64_t		 ahead_ms;	/* the wall clock, of the monotonic one */
	struct flow	*flows;		/* SADB_FLOWS; pages exist for those that were used */
	struct frag	 frags[SADB_FRAGS];
	size_t		 next_frag;
	struct ip_frags	*defrag;	/* NULL: no fragment has come for transport mode */
	struct peer_ports *ports;	/* NULL: no peer needs it */
};

#endif
