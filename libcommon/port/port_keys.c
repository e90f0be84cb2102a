/* Which datagrams each holder serves: keys that go from holders to the owner. */
#include "port/port_keys.h"

#include "port/port_conn.h"

void
port_keys_take(struct port_conn *c, const struct port_msg *m)
{
	struct serve_key k;
	size_t i;

	if ((m->flags & PM_F_RESET) != 0)
		serve_clear(&c->serves);
	for (i = 0; i < m->body.len; i += SERVE_KEY) {
		memcpy(k.b, m->body.p + i, SERVE_KEY);
		if (!serve_key_valid(&k))
			c->port->set->stats.bad_peer++;
		else if ((m->flags & PM_F_DROP) != 0)
			(void)serve_drop(&c->serves, &k);
		else if (serve_put(&c->serves, &k) == -1)
			c->port->set->stats.dropped_full++;
	}
}

void
port_keys_sync(struct port_conn *c)
{
	struct serve_key keys[512];
	struct port_msg m = { .type = PM_SERVE, .flags = PM_F_RESET };
	size_t at, n;

	while (c->sync) {
		m.flags = c->sync_at == 0 ? PM_F_RESET : 0;
		at = c->sync_at;
		n = serve_list(&c->port->set->own, &at, keys, 512);
		m.body = span_of(keys, n * SERVE_KEY);
		if ((n > 0 || c->sync_at == 0) && !port_conn_send(c, &m)) {
			port_watch_io(c->port->set, &c->out);
			return;
		}
		c->sync_at = at;
		c->sync = n > 0;
	}
	ev_io_stop(c->port->set->loop, &c->out);
}

void
port_keys_share(struct ports *set, const struct serve_key *k, bool drop)
{
	struct port_msg m = { .type = PM_SERVE, .flags = drop ? PM_F_DROP : 0,
	    .body = SPAN_ARRAY(k->b) };
	struct port_conn *c;
	size_t i;

	for (i = 0; i < set->n; i++) {
		if ((c = set->port[i]->up) == NULL || !c->welcomed)
			continue;
		if (!c->sync && port_conn_send(c, &m))
			continue;
		c->sync = true;
		c->sync_at = 0;
		port_keys_sync(c);
	}
}
