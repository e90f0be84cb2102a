/* Asks servers by UDP. */
#include "servers.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/peer_addr.h"
#include "cli/report.h"
#include "cli/secret_file.h"
#include "os/clock.h"
#include "os/sockaddr.h"

int
servers_open(struct servers *s, const struct opt_list *hosts, const struct opt_list *secrets, uint16_t port, struct fault *f)
{
	struct fault unknown = {0};
	size_t i, known = 0;

	if (hosts->n == 0 || secrets->n == 0)
		return (fault(f, FAULT_USAGE, "--server HOST and --secret-file FILE are required"));
	if (hosts->n > SERVERS_MAX)
		return (fault(f, FAULT_USAGE, "more than %d servers", SERVERS_MAX));
	if (secrets->n != 1 && secrets->n != hosts->n)
		return (fault(f, FAULT_USAGE, "%zu times --secret-file for %zu servers: one for all, or one for each is needed",
		    secrets->n, hosts->n));
	s->n = hosts->n;
	for (i = 0; i < secrets->n; i++)
		if (secret_file_read(&s->secret[i], secrets->v[i], SECRET_RAW, "RADIUS secret", NULL, f) != 0)
			return (-1);
	for (; i < s->n; i++)
		if (secret_set(&s->secret[i], secret_span(&s->secret[0])) != 0)
			return (fault(f, FAULT_MEMORY, "no memory for a secret"));
	for (i = 0; i < s->n; i++) {
		if (peer_resolve(&s->at[i], hosts->v[i], 0, port, &unknown) == 0)
			known++;
		else if (i + 1 < s->n || known > 0)	/* another one may be found */
			report_note(&unknown);
	}
	if (known == 0)
		*f = unknown;
	return (known > 0 ? 0 : -1);
}

void
servers_wipe(struct servers *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		secret_free(&s->secret[i]);
}

/* Waits for the answer; what is none does not end the waiting. 1; 0: none came; -1: the server is not there. */
static int
await(int fd, const struct servers *s, const struct radius *request, struct radius *reply, struct span secret, struct fault *f)
{
	uint64_t end = clock_mono_ms() + s->timeout_ms, now;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while ((now = clock_mono_ms()) < end) {
		if (poll(&p, 1, (int)(end - now)) <= 0)
			continue;
		if ((n = recv(fd, reply->b, sizeof(reply->b), MSG_DONTWAIT)) < 0 && errno != EAGAIN && errno != EINTR)
			return (-1);
		reply->len = n > 0 ? (size_t)n : 0;
		/* Bytes behind the packet are padding (RFC 2865 section 3). */
		if (n >= 20 && get_be16(reply->b + 2) < reply->len)
			reply->len = get_be16(reply->b + 2);
		if (n >= 20 && reply->len >= 20 && radius_check(request, reply, secret, s->need_mac, f) == 0)
			return (1);
	}
	return (0);
}

/* 1: ${reply} is its answer; 0: there is none; ${f} may say why. */
static int
ask_one(const struct servers *s, size_t i, const struct radius *request, struct radius *reply, struct fault *f)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_put(&sa, &s->at[i]);
	uint32_t try;
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd == -1 || connect(fd, (struct sockaddr *)&sa, len) != 0) {
		(void)fault_sys(f, FAULT_SYSTEM, "cannot reach the server");
		if (fd != -1)
			(void)close(fd);
		return (0);
	}
	for (try = 0; try < s->tries && rc == 0; try++)
		rc = send(fd, request->b, request->len, MSG_NOSIGNAL) == (ssize_t)request->len ?
		    await(fd, s, request, reply, secret_span(&s->secret[i]), f) : -1;
	(void)close(fd);
	return (rc > 0 ? 1 : 0);
}

int
servers_ask(const struct servers *s, servers_make_fn *make, void *ctx, struct radius *reply, struct fault *f)
{
	static struct radius request;
	struct fault why = {0};
	size_t i, asked = 0;

	for (i = 0; i < s->n; i++) {
		if (s->at[i].addr.family == 0)
			continue;
		asked++;
		if (make(ctx, &request, secret_span(&s->secret[i]), f) != 0)
			return (-1);
		if (ask_one(s, i, &request, reply, &why) != 0)
			return (0);
	}
	if (why.code != FAULT_NONE)
		report_note(&why);
	return (fault(f, FAULT_NO_REPLY, "no server answers (%zu asked, %u times, %u ms each)", asked, s->tries, s->timeout_ms));
}
