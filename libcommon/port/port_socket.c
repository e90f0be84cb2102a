/* The sockets of a port: UDP, or those of Cisco's TCP encapsulation. */
#include "port/port_socket.h"

#include <unistd.h>

#include "port/port_tcp.h"
#include "port/port_udp.h"

int
port_socket_bind(struct port *p, struct fault *f)
{
	if (p->role == PORT_TCP)
		return (port_tcp_bind(p, f));
	p->udp = port_udp_bind(p->set, &p->bound, f);
	return (p->udp != -1 ? 0 : -1);
}

int
port_socket_adopt(struct port *p, struct fault *f)
{
	return (port_udp_adopt(p->set, p->role == PORT_TCP ? p->raw : p->udp, f));
}

size_t
port_socket_list(const struct port *p, int *fds)
{
	fds[0] = p->udp;
	if (p->role != PORT_TCP)
		return (1);
	fds[1] = p->raw;
	fds[2] = p->tcp_mem;
	return (3);
}

bool
port_socket_take(struct port *p, const struct endpoint *bound, const int *fds, size_t n)
{
	if (p->role == PORT_TCP)
		return (n == 3 && port_tcp_take(p, bound, fds));
	if (n != 1 || !port_udp_is(fds[0], bound))
		return (false);
	p->udp = fds[0];
	return (true);
}

void
port_socket_read(struct port *p)
{
	if (p->reading)
		return;
	p->reading = true;
	if (p->role == PORT_TCP)
		port_tcp_read(p);
	else
		port_udp_read(p);
	p->in.data = p;
	port_watch_io(p->set, &p->in);
}

void
port_socket_stop(struct port *p)
{
	if (!p->reading)
		return;
	p->reading = false;
	ev_io_stop(p->set->loop, &p->in);
	if (p->role == PORT_TCP)
		port_tcp_stop(p);
}

void
port_socket_end(struct port *p)
{
	port_socket_stop(p);
	if (p->role == PORT_TCP)
		port_tcp_end(p);
}

void
port_socket_close(struct port *p)
{
	if (p->role == PORT_TCP)
		port_tcp_close(p);
	if (p->udp != -1)
		(void)close(p->udp);
	p->udp = -1;
}
