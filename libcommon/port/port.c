/* A set of ports: open and close, registration of datagrams, and queries. */
#include "port/port_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "port/port_given.h"
#include "port/port_holder.h"
#include "port/port_keys.h"
#include "port/port_route.h"
#include "port/port_socket.h"

/* Whether all user ids are mapped here, so that the overflow uid means itself. */
static bool
all_uids_mapped(void)
{
	unsigned long first = 1, outside = 1, n = 0;
	FILE *in = fopen("/proc/self/uid_map", "re");
	bool all;

	if (in == NULL)
		return (false);
	all = fscanf(in, "%lu %lu %lu", &first, &outside, &n) == 3 && first == 0 &&
	    outside == 0 && n >= UINT32_MAX;
	(void)fclose(in);
	return (all);
}

struct ports *
ports_new(struct ev_loop *loop, const struct ports_opt *opt, const struct ports_calls *calls,
    void *ctx, struct fault *f)
{
	struct ports *set = calloc(1, sizeof(*set));

	if (set == NULL)
		goto err;
	set->dir = -1;
	set->bufs = malloc((size_t)PORT_BATCH * PORT_BUF);
	set->msgs[0] = malloc(PORT_MSG_MAX);
	set->msgs[1] = malloc(PORT_MSG_MAX);
	if (set->bufs == NULL || set->msgs[0] == NULL || set->msgs[1] == NULL)
		goto err;
	set->loop = loop;
	set->opt = *opt;
	set->calls = *calls;
	set->ctx = ctx;
	set->euid = geteuid();
	set->dir = port_dir_open(set->dir_path);
	set->own_is_clear = all_uids_mapped();
	if (getrandom(&set->origin, sizeof(set->origin), 0) != sizeof(set->origin))
		goto err;
	set->shed.salt = set->origin;
	port_given_open(set);
	return (set);
err:
	(void)fault(f, FAULT_MEMORY, "no memory for UDP ports");
	ports_free(set);
	return (NULL);
}

bool
ports_stirred(struct ports *set)
{
	bool was = set->stirred;

	set->stirred = false;
	return (was);
}

void
ports_free(struct ports *set)
{
	size_t i;

	if (set == NULL)
		return;
	for (i = 0; i < set->n; i++) {
		port_socket_stop(set->port[i]);
		port_socket_end(set->port[i]);
		port_leave(set->port[i]);	/* before the port is free: another tool takes its name then */
		port_socket_close(set->port[i]);
		free(set->port[i]);
	}
	port_given_close(set);
	if (set->dir != -1)
		(void)close(set->dir);
	serve_clear(&set->own);
	port_shed_free(&set->shed);
	free(set->bufs);
	free(set->msgs[0]);
	free(set->msgs[1]);
	free(set);
}

static int
serve(struct ports *set, const struct serve_key *k, struct fault *f)
{
	int r = serve_put(&set->own, k);

	if (r == -1)
		return (fault(f, FAULT_MEMORY, "no memory for another %s",
		    k->b[0] == SERVE_SPI ? "SPI" : "IKE SA"));
	if (r == 1)
		port_keys_share(set, k, false);
	return (0);
}

static void
unserve(struct ports *set, const struct serve_key *k)
{
	if (serve_drop(&set->own, k))
		port_keys_share(set, k, true);
}

int
ports_serve_cookies(struct ports *set, const uint8_t cky_i[8], const uint8_t cky_r[8],
    struct fault *f)
{
	struct serve_key k = serve_key_cookies(cky_i, cky_r);

	return (serve(set, &k, f));
}

void
ports_unserve_cookies(struct ports *set, const uint8_t cky_i[8], const uint8_t cky_r[8])
{
	struct serve_key k = serve_key_cookies(cky_i, cky_r);

	unserve(set, &k);
}

void
ports_serve_new(struct ports *set, const struct addr *remote, bool yes)
{
	struct serve_key k = serve_key_new(remote);

	if (yes)
		(void)serve(set, &k, NULL);
	else
		unserve(set, &k);
}

int
ports_serve_spi(struct ports *set, uint32_t spi, const struct addr *local, struct fault *f)
{
	struct serve_key k = serve_key_spi(spi, local);

	return (serve(set, &k, f));
}

void
ports_unserve_spi(struct ports *set, uint32_t spi, const struct addr *local)
{
	struct serve_key k = serve_key_spi(spi, local);

	unserve(set, &k);
}

void
ports_send_record(struct ports *set, struct span cbor)
{
	struct port_msg m = { .type = PM_RECORD, .number = ++set->seq };
	uint8_t *body;
	size_t i;

	if (cbor.len == 0 || cbor.len > PORT_MSG_DATA || (body = malloc(8 + cbor.len)) == NULL)
		return;
	put_be64(body, set->origin);
	memcpy(body + 8, cbor.p, cbor.len);
	m.body = span_of(body, 8 + cbor.len);
	for (i = 0; i < set->n; i++)
		port_route(set->port[i], NULL, &m);
	free(body);
}

static struct port *
port_find(const struct ports *set, uint8_t family, uint16_t number)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->port[i]->bound.addr.family == family &&
		    set->port[i]->bound.port == number)
			return (set->port[i]);
	return (NULL);
}

uint16_t
ports_number(const struct ports *set, uint8_t family, enum port_role role)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (set->port[i]->bound.addr.family == family && set->port[i]->role == role)
			return (set->port[i]->bound.port);
	return (0);
}

const struct ports_stats *
ports_stats(const struct ports *set)
{
	return (&set->stats);
}

bool
ports_reading(const struct ports *set, uint8_t family, uint16_t port)
{
	struct port *p = port_find(set, family, port);

	return (p != NULL && p->reading);
}

bool
ports_owning(const struct ports *set, uint8_t family, uint16_t port)
{
	struct port *p = port_find(set, family, port);

	return (p != NULL && p->owner);
}
