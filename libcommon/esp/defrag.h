/*
 * Fragments that the local host sends into transport mode, put together: transport mode protects whole packets only (RFC 4301,
 * 4.1), and the host cuts a large datagram to the MTU of the device before it gets here. The packet around it is then
 * fragmented again. The host sends its fragments in order, so any other order is dropped.
 */
#ifndef SAPIPE_ESP_DEFRAG_H
#define SAPIPE_ESP_DEFRAG_H

#include "base/pkt.h"
#include "esp/inner.h"
#include "wire/ip_frag.h"

#define DEFRAG_SLOTS	8	/* packets under way; the oldest makes room */

enum defrag_state { DEFRAG_MORE, DEFRAG_WHOLE, DEFRAG_BAD };

/*
 * Takes the fragment ${k}, parsed into ${in}; ${*d} is made where it is NULL. WHOLE: it was the last one, ${k} is the whole
 * packet, in its own buffer, and ${in} is that of it. MORE: it is kept. BAD: out of order, too long for the buffer, no
 * memory.
 */
enum defrag_state defrag_take(struct ip_frags **d, struct pkt *k, struct inner *in);
void defrag_free(struct ip_frags *d);	/* NULL is fine */

#endif
