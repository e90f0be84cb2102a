/*
 * What a gateway gives its client by mode config beside the addresses: name servers, networks, texts. The gateway has it
 * from its policy, the client from the gateway.
 */
#ifndef SAPIPE_IKE_SETTINGS_H
#define SAPIPE_IKE_SETTINGS_H

#include "base/addr.h"
#include "sa/record.h"

struct ike_settings {
	size_t		 n_dns, n_nbns, n_split, n_local_lan;
	struct addr	 dns[SA_LIST_MAX], nbns[SA_LIST_MAX];	/* of both families */
	struct selector	 split[SA_NETS_MAX];		/* networks behind the gateway; none: all */
	struct selector	 local_lan[SA_NETS_MAX];	/* networks that the client reaches without the tunnel */
	char		 domain[SA_TEXT];
	char		 split_dns[SA_TEXT];		/* domains of the name servers, with commas between them */
	char		 banner[SA_BANNER];
	char		 version[SA_NAME];		/* APPLICATION_VERSION */
};

/* NULL: no memory. Released by free(). */
struct ike_settings *ike_settings_new(void);

/* Copies a text of the peer, truncated to ${cap} - 1 bytes; each control byte except a newline becomes '?'. */
void ike_settings_text(char *out, size_t cap, struct span from);

/* For a client's record, and back. -1: the record has an address or network that is none. */
void ike_settings_record(const struct ike_settings *c, struct sa_ike *s);
int ike_settings_adopt(struct ike_settings *c, const struct sa_ike *s);

#endif
