/*
 * CBOR form of SA records: deterministic encoding (RFC 8949 section 4.2) out,
 * libcbor's streaming decoder in, so that no key passes an unwiped heap.
 */
#ifndef SAPIPE_SA_CODEC_H
#define SAPIPE_SA_CODEC_H

#include "base/fault.h"
#include "sa/record.h"

#define SA_REC_BYTES	(64 * 1024)	/* bytes of one record */
#define SA_REC_DEPTH	8
#define SA_FORMAT	1

/*
 * Encodes ${r} into ${out}, a secret because it holds keys. 0, or -1 with
 * FAULT_MEMORY or FAULT_TOO_LARGE.
 */
int sa_encode(struct secret *out, const struct sa_rec *r, struct fault *f);

/* Encodes ${r}, which has no keys, into ${p} of ${cap} bytes. The length, or 0: it has no room. */
size_t sa_encode_into(uint8_t *p, size_t cap, const struct sa_rec *r);

/*
 * Decodes the first record of ${in}. Returns its length in bytes; 0 if ${in} ends within
 * the record (more is needed); -1 with FAULT_BAD_RECORD, FAULT_TOO_LARGE or
 * FAULT_WRONG_VERSION naming key and offset within ${in}. Unknown keys are skipped; an
 * unknown record type gives ${r}->type SA_NONE and its length. ${r} is overwritten; on success
 * the caller has to wipe it, on failure it is empty.
 */
long sa_decode(struct sa_rec *r, struct span in, struct fault *f);

#endif
