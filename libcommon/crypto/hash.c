/* The hash of IKE. */
#include "crypto/crypto.h"
#include "crypto/fetch.h"

int
hash_parts(const struct alg_hash *h, uint8_t out[HASH_MAX], const struct span *parts, size_t n,
    struct fault *f)
{
	const EVP_MD *md = fetch_md(h, f);
	EVP_MD_CTX *ctx;
	size_t i;
	int rc = -1;

	if (md == NULL)
		return (-1);
	if ((ctx = EVP_MD_CTX_new()) == NULL)
		return (fault(f, FAULT_MEMORY, "no memory for a hash"));
	if (EVP_DigestInit_ex(ctx, md, NULL) != 1)
		goto done;
	for (i = 0; i < n; i++)
		if (parts[i].len > 0 && EVP_DigestUpdate(ctx, parts[i].p, parts[i].len) != 1)
			goto done;
	if (EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		rc = 0;
done:
	EVP_MD_CTX_free(ctx);
	return (rc == 0 ? 0 : fault_ossl(f, h->word));
}
