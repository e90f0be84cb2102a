/*
 * Words of other holders of a shared port, as they come from a Unix socket: what is taken has every field
 * in its bounds, and says the same when it is put again.
 */
#include <stdlib.h>

#include "port/port_msg.h"
#include "port/port_table.h"
#include "must.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Keys as the owner takes them: valid ones go in, are found, and come out. */
static void
take_keys(struct span body)
{
	struct serve_table t = {0};
	struct serve_key k, list[8];
	size_t i, at = 0, n, total = 0;

	for (i = 0; i + SERVE_KEY <= body.len && i < 64 * SERVE_KEY; i += SERVE_KEY) {
		memcpy(k.b, body.p + i, SERVE_KEY);
		if (!serve_key_valid(&k))
			continue;
		must(serve_put(&t, &k) >= 0 && serve_has(&t, &k));
		if (k.b[SERVE_KEY - 1] % 3 == 0)
			must(serve_drop(&t, &k) && !serve_has(&t, &k));
	}
	while ((n = serve_list(&t, &at, list, 8)) > 0)
		for (total += n; n > 0; n--)
			must(serve_has(&t, &list[n - 1]));
	must(total == t.n);
	serve_clear(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t hdr[PORT_MSG_HDR];
	struct port_msg m, again;
	struct serve_table none = {0};
	uint8_t *copy;
	size_t off, seg;

	if (port_msg_get(&m, span_of(data, len)) != 0)
		return (0);
	must(m.type > 0 && m.type < PM_TYPES && m.body.len + PORT_MSG_HDR == len);
	if (m.type == PM_IKE)
		must(m.body.len >= 28 && !serve_wants_ike(&none, m.body.p));
	if (m.type == PM_ESP) {
		seg = m.seg != 0 ? m.seg : m.body.len;
		for (off = 0; off < m.body.len; off += seg)
			must(m.body.len - off >= 8 && seg >= 8);
	}
	if (m.type == PM_RECORD)
		must(m.body.len > 8);
	if (m.type == PM_SERVE)
		take_keys(m.body);
	must((copy = malloc(len)) != NULL);
	port_msg_put(hdr, &m);
	memcpy(copy, hdr, PORT_MSG_HDR);
	if (m.body.len > 0)
		memcpy(copy + PORT_MSG_HDR, m.body.p, m.body.len);
	must(port_msg_get(&again, span_of(copy, len)) == 0);
	must(again.type == m.type && again.flags == m.flags && again.seg == m.seg &&
	    again.number == m.number && again.ifindex == m.ifindex &&
	    endpoint_eq(&again.local, &m.local) && endpoint_eq(&again.remote, &m.remote));
	free(copy);
	return (0);
}
