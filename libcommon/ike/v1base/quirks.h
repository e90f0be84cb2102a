/*
 * Deviations for a family of peers: one row each, with its reason. Code asks for a behaviour by its name, never for a
 * product. tests/layers.bats finds product names elsewhere in ike/.
 */
#ifndef SAPIPE_IKE_V1BASE_QUIRKS_H
#define SAPIPE_IKE_V1BASE_QUIRKS_H

#include "ike/v1base/vids.h"

enum v1_quirk {
	V1_QUIRK_XAUTH_NUMBERS,	/* XAuth attributes have the family's own numbers */
	V1_QUIRK_ZERO_SPI,	/* a refusal in phase 2 names an SPI that nobody chose */
	V1_QUIRK_ONE_MESSAGE_ID,	/* several transactions have one message ID, and one chain of IVs */
	V1_QUIRKS
};

struct v1_quirk_row {
	enum v1_quirk	 quirk;
	const char	*family;
	/*
	 * The name in the table of vendor IDs (wire/vid.h) by which the family is recognised. NULL: it sends none that is its
	 * own, or not always, so every peer is treated so; ${what} then harms no other.
	 */
	const char	*vid;
	const char	*what;	/* is done differently */
	const char	*why;
};

/* Whether ${quirk} applies to a peer that sent ${vids}. */
bool v1_quirk(const struct v1_vids *vids, enum v1_quirk quirk);
/* Rows one by one: NULL after the last. */
const struct v1_quirk_row *v1_quirk_row(size_t i);

#endif
