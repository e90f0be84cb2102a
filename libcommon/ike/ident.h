/*
 * An identity in as many bytes as it needs. struct id (wire/id.h) has room for the longest one
 * and is for messages, records and policies; an SA keeps this.
 */
#ifndef SAPIPE_IKE_IDENT_H
#define SAPIPE_IKE_IDENT_H

#include "wire/id.h"

struct ike_id {
	uint8_t		type, proto;
	uint16_t	port, len;
	uint8_t		data[];
};

/* Replaces ${*to} (NULL: none) by a copy of ${id}; released with free(). 0, or -1: no memory. */
int ike_id_set(struct ike_id **to, const struct id *id);
/* The same as a struct id; type 0 for NULL. */
struct id ike_id_get(const struct ike_id *id);
/* As id_eq(). */
bool ike_id_eq(const struct ike_id *a, const struct ike_id *b);
/* As id_hash(). */
uint64_t ike_id_hash(const struct ike_id *id, uint64_t salt);

#endif
