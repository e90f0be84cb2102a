/* Recognizes peers whose HMAC-SHA-256 has the 96 bits of a draft instead of 128. */
#include "esp/icv96.h"

#include "crypto/crypto.h"

#define ICV_LEN		12
#define HEAD		8	/* SPI and sequence number */

const struct secret *
icv96_key(const struct sa_child *rec, bool in)
{
	const struct secret *key = in ? &rec->auth_in : &rec->auth_out;

	return (rec->protocol == SA_ESP && !rec->esn && strcmp(rec->integrity, "hmac-sha2-256-128") == 0 && key->len > 0 ?
	    key : NULL);
}

bool
icv96_is(const struct secret *key, struct span esp)
{
	struct secret mac = {0};
	struct span signed_part;
	bool is;

	if (esp.len < HEAD + ICV_LEN)
		return (false);
	signed_part = span_of(esp.p, esp.len - ICV_LEN);
	is = prf_parts(alg_hash_word("sha256"), secret_span(key), &mac, &signed_part, 1, NULL) == 0 &&
	    ct_eq(span_of(mac.p, ICV_LEN), span_of(esp.p + signed_part.len, ICV_LEN));
	secret_free(&mac);
	return (is);
}
