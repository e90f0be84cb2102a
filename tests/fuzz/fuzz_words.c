/* Text that users and configuration files give: proposal lists and identities. */
#include <stdlib.h>
#include <string.h>

#include "crypto/proposal.h"
#include "wire/id.h"
#include "must.h"

static void
try_proposals(const char *text)
{
	struct ike_proposals i, i2;
	struct esp_proposals e, e2;
	char one[PROPOSAL_TEXT];
	struct fault f = {0};
	size_t n;

	if (ike_proposals_parse(&i, text, &f) != 0)
		must(f.code == FAULT_BAD_PROPOSAL && i.n == 0 && f.what[0] != '\0');
	for (n = 0; n < i.n; n++) {
		must(ike_proposals_parse(&i2, ike_proposal_text(one, &i.p[n]), &f) == 0);
		must(i2.n == 1 && i2.p[0].enc == i.p[n].enc && i2.p[0].hash == i.p[n].hash &&
		    i2.p[0].group == i.p[n].group);
	}
	if (esp_proposals_parse(&e, text, &f) != 0)
		must(f.code == FAULT_BAD_PROPOSAL && e.n == 0);
	for (n = 0; n < e.n; n++) {
		must(esp_proposals_parse(&e2, esp_proposal_text(one, &e.p[n]), &f) == 0);
		must(e2.n == 1 && e2.p[0].enc == e.p[n].enc && e2.p[0].integ == e.p[n].integ &&
		    e2.p[0].group == e.p[n].group && e2.p[0].esn == e.p[n].esn);
	}
	(void)ah_proposals_parse(&e, text, NULL);
}

static void
try_id(const char *text)
{
	static struct id id, back;
	static char again[ID_TEXT];
	static uint8_t body[ID_MAX + 4];
	struct wr w = wr_of(body, sizeof(body));
	struct fault f;

	if (id_parse(&id, text, &f) != 0) {
		must(f.code == FAULT_BAD_ID && id.type == 0);
		return;
	}
	must(id_parse(&back, id_text(again, &id), &f) == 0 && id_eq(&id, &back));
	/* What a user may say, a peer may send. */
	id_put(&w, &id);
	must(!w.bad && id_get(&back, wr_span(&w), &f) == 0 && id_eq(&id, &back));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	try_proposals(text);
	try_id(text);
	free(text);
	return (0);
}
