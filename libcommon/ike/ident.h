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
	/*
	 * Where the peer was when it proved this identity, as a number; 0: that does not matter. Behind NATs with one shared
	 * key many peers call themselves 192.168.1.10, and are not one.
	 */
	uint64_t	place;
	uint8_t		data[];
};

/* Replaces ${*to} (NULL: none) by a copy of ${id}, without a place; released with free(). 0, or -1: no memory. */
int ike_id_set(struct ike_id **to, const struct id *id);
/* The same as a struct id; type 0 for NULL. */
struct id ike_id_get(const struct ike_id *id);
/* Replaces ${*to} by a copy of ${from}, place included, which may be NULL. 0, or -1: no memory. */
int ike_id_copy(struct ike_id **to, const struct ike_id *from);
/* As id_eq(), and at one place. */
bool ike_id_eq(const struct ike_id *a, const struct ike_id *b);
/* As id_hash(). */
uint64_t ike_id_hash(const struct ike_id *id, uint64_t salt);

#endif
