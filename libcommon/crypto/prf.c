/* The PRF of IKE: HMAC. */
#include "crypto/crypto.h"
#include "crypto/fetch.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

int
prf_parts(const struct alg_hash *h, struct span key, struct secret *out, const struct span *parts,
    size_t n, struct fault *f)
{
	/* libcrypto takes the name through a pointer to non-const, yet does not write. */
	char name[16] = "";
	OSSL_PARAM params[2];
	EVP_MAC *hmac = fetch_hmac(f);
	EVP_MAC_CTX *ctx;
	struct secret mac = {0};
	size_t i, len = 0;
	int rc = -1;

	if (hmac == NULL)
		return (-1);
	for (i = 0; i + 1 < sizeof(name) && h->ossl[i] != '\0'; i++)
		name[i] = h->ossl[i];
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (secret_make(&mac, h->len) == NULL || (ctx = EVP_MAC_CTX_new(hmac)) == NULL) {
		secret_free(&mac);
		return (fault(f, FAULT_MEMORY, "no memory for a PRF"));
	}
	/* An empty key is a key: a NULL pointer would mean "the one of before". */
	if (EVP_MAC_init(ctx, key.len > 0 ? key.p : (const uint8_t *)"", key.len, params) != 1)
		goto done;
	for (i = 0; i < n; i++)
		if (parts[i].len > 0 && EVP_MAC_update(ctx, parts[i].p, parts[i].len) != 1)
			goto done;
	if (EVP_MAC_final(ctx, mac.p, &len, mac.len) == 1 && len == mac.len)
		rc = 0;
done:
	EVP_MAC_CTX_free(ctx);
	if (rc == -1) {
		secret_free(&mac);
		return (fault_ossl(f, "PRF"));
	}
	/* By a move at the end, as ${key} or a part may lie in ${out}. */
	secret_move(out, &mac);
	return (0);
}
