/* The DSCP of outer packets (RFC 2983): copied from the inner packet, or mapped. ECN is always copied (RFC 6040, 4.1). */
#ifndef SAPIPE_ESP_TOS_H
#define SAPIPE_ESP_TOS_H

#include <stdint.h>

#include "base/fault.h"

#define DSCP_VALUES	64

/* The outer value for each inner one. */
struct dscp_map { uint8_t to[DSCP_VALUES]; };

/* Each value becomes itself (${fixed} NULL), or ${*fixed}. */
void dscp_map_init(struct dscp_map *m, const uint8_t *fixed);
/* Changes ${m} by ${text}, "FROM:TO" with a comma between two. 0, or -1 with FAULT_USAGE: not so, or above 63. */
int dscp_map_parse(struct dscp_map *m, const char *text, struct fault *f);

/* DSCP and ECN of the outer header for those of the inner one. */
static inline uint8_t
dscp_map_tos(const struct dscp_map *m, uint8_t tos)
{
	return ((uint8_t)(m->to[tos >> 2] << 2 | (tos & 3)));
}

#endif
