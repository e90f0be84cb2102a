/*
 * The transaction exchange (6): one question and one answer, REQUEST and REPLY or SET and ACK, under the keys of
 * phase 1 (draft-dukes-ike-mode-cfg-02). XAuth and mode config run in it; each is a row of struct v1_transactor.
 */
#ifndef SAPIPE_IKE_V1_TRANSACTION_H
#define SAPIPE_IKE_V1_TRANSACTION_H

#include "ike/v1run/exchange.h"
#include "wire/config.h"

/*
 * The handlers return 0, -1, or IKE_LATER as those of a row (exchange.h). ${in} is borrowed from the exchange. They
 * may write attributes into ${w}, whose content is wiped afterwards.
 */
struct v1_transactor {
	const char		*name;		/* "XAuth" */
	enum fault_phase	 phase;
	/*
	 * The peer's question, REQUEST or SET: writes the attributes of the REPLY or ACK. It may end in IKE_LATER, and then
	 * runs again.
	 */
	int	(*answer)(struct v1_exchange *, const struct config *in, struct wr *w, struct ike_outbox *,
		    struct fault *);
	/* The peer's REPLY or ACK to this end's question. */
	int	(*judge)(struct v1_exchange *, const struct config *in, struct ike_outbox *, struct fault *);
};

/* Chooses the row for a question of the peer. NULL with a fault: this end has no answer. */
typedef const struct v1_transactor *v1_transactor_pick(const struct v1_sa *sa, const struct config *in,
    struct fault *f);

/*
 * Begins an exchange of ${sa} with a question of ${type} (CONFIG_REQUEST or CONFIG_SET) and the attributes ${attrs},
 * as config_begin() leaves room for. 0, or -1.
 */
int v1_transaction_begin(struct v1_sa *sa, const struct v1_transactor *how, uint8_t type, struct span attrs,
    struct now now, struct ike_outbox *out, struct fault *f);

/*
 * A message of the transaction exchange for ${sa}, which has keys. The peer may use one message ID for several questions
 * after another; the IVs are then one chain. True: it was accepted, or waits for an answer from outside.
 */
bool v1_transaction_datagram(struct v1_sa *sa, struct now now, const struct isakmp_hdr *h, struct span data,
    v1_transactor_pick *pick, struct ike_outbox *out);

/* The row of ${x}; NULL: ${x} is no transaction, or it is not known which. */
const struct v1_transactor *v1_transaction_of(const struct v1_exchange *x);
bool v1_is_transaction(const struct v1_exchange *x);

#define V1_TRANSACTIONS_MAX	32	/* of one IKE SA: finished ones kept for retransmissions */

#endif
