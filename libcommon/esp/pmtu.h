/*
 * The path MTUs to peers that ICMP errors have told (RFC 1191, RFC 8201) or probes have found (RFC 8899), and which of
 * these errors to believe. No clock and no socket: times are arguments, in monotonic milliseconds.
 *
 * Anybody can send such an error. It is believed if it quotes the SPI of an outbound SA to that peer, and a sequence number
 * among the last PMTU_RECENT that were sent: who does not see the traffic knows neither (RFC 4301, 8.2.1). An error that
 * quotes too little of the packet for that is ignored.
 */
#ifndef SAPIPE_ESP_PMTU_H
#define SAPIPE_ESP_PMTU_H

#include "base/addr.h"
#include "base/table.h"
#include "esp/sa.h"

#define PMTU_RECENT	(UINT32_C(1) << 17)	/* numbers: a quarter of a second at 500,000 packets/s */
#define PMTU_AGE_MS	600000			/* after that the path is tried again (RFC 1191, 6.3; RFC 8201, 4) */
#define PMTU_PEERS	16384			/* peers with a path narrower than our link */
#define PMTU_MIN_V4	576
#define PMTU_MIN_V6	1280

struct pmtu {			/* all zero is empty, except ${salt}, which peers must not know */
	struct table	 peers;
	uint64_t	 salt;
	uint64_t	 believed, ignored;
};

void pmtu_free(struct pmtu *m);

/* The path MTU to ${remote} at ${now_ms}, over a link of ${link} bytes (0: not known, and so is the result). */
size_t pmtu_of(struct pmtu *m, const struct addr *remote, size_t link, uint64_t now_ms);

/* Whether ${quote}, ESP or AH from its first byte on, is of a packet that ${sa} sent lately. */
bool pmtu_is_ours(const struct esp_sa *sa, struct span quote);
/* The SPI of ${quote}. False: it is too short for SPI and sequence number. */
bool pmtu_spi(enum sa_proto protocol, struct span quote, uint8_t spi[4]);

/*
 * An error that is believed: packets of ${told} bytes pass on the way to ${remote} (0: an old router, which does not say
 * how many: the next lower common size is tried). ${was} is the path MTU until now. Never below PMTU_MIN_V4 or
 * PMTU_MIN_V6. True if the path MTU is lower now.
 */
bool pmtu_lower(struct pmtu *m, const struct addr *remote, size_t was, size_t told, uint64_t now_ms);
/*
 * Probes have shown that packets of ${mtu} bytes pass on the way to ${remote}: from now on this is the path MTU, whatever
 * errors have told; not below PMTU_MIN_V4 or PMTU_MIN_V6, and not above ${link}. True if the path MTU is another one now.
 */
bool pmtu_found(struct pmtu *m, const struct addr *remote, size_t link, size_t mtu, uint64_t now_ms);

#endif
