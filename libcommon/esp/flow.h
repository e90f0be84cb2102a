/*
 * The two ways through the tunnel, over batches: what comes from the device is
 * sealed, what comes from the wire is opened. Buffers are the caller's; packets stay
 * where they are in them.
 */
#ifndef SAPIPE_ESP_FLOW_H
#define SAPIPE_ESP_FLOW_H

#include "esp/sadb.h"

#define FLOW_HEAD	(ESP_HDR + ESP_IV_MAX)	/* room before an inner packet to be sealed */
#define FLOW_TAIL	(16 + ESP_TRAILER + ESP_ICV_MAX)	/* ... and behind it */
#define FLOW_TOS_NONE	0xffff

struct flow_pkt {
	uint8_t		*inner;		/* out: given, FLOW_HEAD before it, FLOW_TAIL behind; in: found */
	size_t		 inner_len;
	uint8_t		*esp;		/* in: given; out: found */
	size_t		 esp_len;
	struct addr	 local;		/* in: where it came to; family 0: not known */
	uint16_t	 tos;		/* outer: in: received, or FLOW_TOS_NONE; out: to send with */
	struct esp_sa	*sa;		/* found; NULL where there is none */
	struct inner	 headers;	/* of the inner packet, once parsed */
	size_t		 mtu;		/* with TOO_BIG: what would fit */
	bool		 seen;		/* in: authentic and new, whatever became of it then */
	bool		 newest;	/* in: ... and the highest number so far */
	enum esp_verdict verdict;
};

/*
 * Device to wire: parse, clamp MSS, find the SA, number, seal. Verdicts OK,
 * SHORT (not an IP packet), POLICY, NO_SA, TOO_BIG, EXHAUSTED, FAILED. At most ESP_BATCH.
 */
void flow_out(struct sadb *db, struct flow_pkt *pkts, size_t n);

/*
 * Wire to device (RFC 4303 section 3.4): length, SPI, window test, authentication,
 * window move, decryption, padding, then the policy check of the inner packet (RFC
 * 4301, 5.2). At most ESP_BATCH. Packets OK go to the device, inner_len bytes.
 */
void flow_in(struct sadb *db, struct flow_pkt *pkts, size_t n);

#endif
