/* Of two gateways with one address: the state of this one, from the file that ike-respond keeps. */
#include "gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics.h"
#include "os/clock.h"
#include "routes.h"
#include "say.h"
#include "tunnel.h"
#include "watch.h"

#define LOOK_S	0.25

/* What the file says; anything else is inactive: no ike-respond runs. */
static enum gateway_state
look(const struct tool *w)
{
	char text[32] = "";
	size_t len;

	if (pread(w->gateway.fd, text, sizeof(text) - 1, 0) <= 0)
		return (GATEWAY_INACTIVE);
	len = strcspn(text, " \n");
	text[len] = '\0';
	return (strcmp(text, say_gateway_word(GATEWAY_ACTIVE)) == 0 ? GATEWAY_ACTIVE :
	    strcmp(text, say_gateway_word(GATEWAY_READY)) == 0 ? GATEWAY_READY : GATEWAY_INACTIVE);
}

static void
start_tunnels(struct tool *w)
{
	size_t i, before;

	for (i = 0; i < w->n; i++)
		tunnel_start(&w->t[i], clock_now(NULL));
	for (i = 0; i < w->n_groups; i++)
		if (group_settle(&w->groups[i], &before))
			say_group(w, &w->groups[i], before);
}

/* The other gateway has the tunnels: nothing is probed, and no route is withdrawn. */
static void
rest_tunnels(struct tool *w)
{
	for (size_t i = 0; i < w->n; i++)
		tunnel_rest(&w->t[i]);
}

static void
on_look(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct tool *w = timer->data;
	enum gateway_state now = look(w), was = w->gateway.state;

	(void)loop, (void)revents;
	if (now == was)
		return;
	w->gateway.state = now;
	say_gateway(w);
	if (now == GATEWAY_ACTIVE)
		start_tunnels(w);
	else if (was == GATEWAY_ACTIVE)
		rest_tunnels(w);
	w->dirty = true;
	watch_draw(w);
}

int
gateway_open(struct tool *w, const char *path, struct fault *f)
{
	struct stat st;

	if ((w->gateway.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return (fault_sys(f, errno == EACCES ? FAULT_PERMISSION : FAULT_CONFIG, "cannot open %s", path));
	if (fstat(w->gateway.fd, &st) == -1 || !S_ISREG(st.st_mode))
		return (fault(f, FAULT_CONFIG, "%s is no file", path));
	return (0);
}

void
gateway_start(struct tool *w)
{
	if (w->gateway.fd != -1) {
		w->gateway.state = look(w);
		say_gateway(w);
		ev_timer_init(&w->gateway.timer, on_look, LOOK_S, LOOK_S);
		w->gateway.timer.data = w;
		ev_timer_start(w->loop, &w->gateway.timer);
	}
	if (gateway_is_active(w))
		start_tunnels(w);
	w->dirty = true;
}

void
gateway_close(struct tool *w)
{
	if (w->gateway.fd == -1)
		return;
	if (w->loop != NULL)
		ev_timer_stop(w->loop, &w->gateway.timer);
	(void)close(w->gateway.fd);
	w->gateway.fd = -1;
}
