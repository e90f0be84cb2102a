/* The versions of IKE that the engine supports. */
#include "ike/version.h"

static const struct ike_version *const versions[] = { &ike_version_1 };

const struct ike_version *
ike_version_find(uint8_t major)
{
	size_t i;

	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i]->major == major)
			return (versions[i]);
	return (NULL);
}

const struct ike_version *
ike_version_for(const struct ike_policy *policy)
{
	(void)policy;		/* names none yet */
	return (versions[0]);
}
