/* The table of what is done differently for families of peers. */
#include "ike/v1base/quirks.h"

#include <string.h>

#include "wire/vid.h"

static const struct v1_quirk_row rows[] = {
	{ V1_QUIRK_XAUTH_NUMBERS, "Check Point", "Check Point",
	    "attributes 13 to 20 of a transaction mean XAuth until it is over, and are sent instead of 16520 to 16529",
	    "its gateways and clients have numbers of their own, which otherwise are mode config's" },
	{ V1_QUIRK_ZERO_SPI, "strongSwan", NULL,
	    "a refusal in phase 2 whose SPI belongs to no quick mode is treated as if it had none",
	    "it puts zero where the notify of NO-PROPOSAL-CHOSEN has the SPI, and sends its vendor ID only on request" },
	{ V1_QUIRK_ONE_MESSAGE_ID, "Cisco", NULL,
	    "a question under the message ID of a finished transaction continues its chain of IVs",
	    "the REQUEST of XAuth and the SET with the status have one message ID; IOS and VPN 3000 differ in their vendor IDs" },
};

#define ROWS	(sizeof(rows) / sizeof(rows[0]))

const struct v1_quirk_row *
v1_quirk_row(size_t i)
{
	return (i < ROWS ? &rows[i] : NULL);
}

static bool
has_sent(const struct v1_vids *vids, const char *name)
{
	const struct vid *v;
	struct span body;
	size_t at = 0;

	while (v1_vids_next(vids, &at, &body))
		if ((v = vid_find(body)) != NULL && strcmp(v->name, name) == 0)
			return (true);
	return (false);
}

bool
v1_quirk(const struct v1_vids *vids, enum v1_quirk quirk)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (rows[i].quirk == quirk && (rows[i].vid == NULL || has_sent(vids, rows[i].vid)))
			return (true);
	return (false);
}
