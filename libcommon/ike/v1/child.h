/* Child SAs: the table of those that exist. */
#ifndef SAPIPE_IKE_V1_CHILD_H
#define SAPIPE_IKE_V1_CHILD_H

#include "ike/child.h"
#include "ike/v1/ike_sa.h"

void v1_child_link(struct ike_engine *e, struct ike_child *c);
/* Unlinks (where it is linked), wipes, frees. */
void v1_child_remove(struct ike_engine *e, struct ike_child *c);
bool v1_child_of(const struct ike_child *c, const struct v1_sa *sa);	/* of its peer */
bool v1_child_carries(const struct ike_child *c, const struct selector *local_ts,
    const struct selector *remote_ts);
/* The child of ${sa}'s peer that carries just these selectors and is not replaced. */
struct ike_child *v1_child_like(const struct v1_sa *sa, const struct selector *local_ts,
    const struct selector *remote_ts);
/* Arguments that are NULL are not looked at. */
struct ike_child *v1_child_find(struct ike_engine *e, const struct addr *remote,
    enum sa_proto proto, const uint8_t *spi_in, const uint8_t *spi_out);
/* The newest standing SA with the peer of ${c}; one that was not replaced before others. */
struct v1_sa *v1_child_sa(const struct ike_engine *e, const struct ike_child *c);

#endif
