/* The two simplex SAs of one record, inbound and outbound. */
#ifndef SAPIPE_ESP_PAIR_H
#define SAPIPE_ESP_PAIR_H

#include "esp/sa.h"

struct esp_pair {
	struct esp_sa	 in, out;
	bool		 may_send;	/* the record's "use" is "both" */
	bool		 soft;		/* soft expiry by volume or numbers was reported */
	bool		 initiator;
	uint64_t	 kilobytes;	/* lifetime; 0: no limit */
	/* Monotonic ms: the dates of a record count when it arrives, and a clock that is set later changes nothing. */
	uint64_t	 expires_ms;
	uint64_t	 dying_ms;	/* when a lingering pair ends; 0: it lives */
	int64_t		 established_ms;	/* may be before this machine started */
	uint64_t	 serial;	/* order of arrival */
	uint32_t	 source;	/* the stream that brought it */
	void		*user;		/* the owner's: the claim */
	/* Of the record: what the data path needs of it after both SAs were made, so a pair costs no whole record. */
	char		*name;		/* never NULL; "": none */
	uint8_t		 ike[16];	/* SPIs of the IKE SA that made it */
	struct endpoint	 remote;	/* out.dst is where the peer has moved to since */
	uint64_t	 established, expires;	/* epoch seconds */
	struct secret	 keys;		/* digest of its keys and algorithms: whether a second record has the same */
};

#endif
