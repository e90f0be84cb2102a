/* The peers file of ike-respond: any bytes are read or refused with a place, nothing half taken. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/peers_file.h"
#include "tool/policy_opt.h"

static void
on_line(void *ctx, const struct peers_line *l)
{
	(void)ctx;
	if (l->name[0] == '\0' || l->tun_words == NULL)
		abort();
}

static void
on_wrong(void *ctx, const struct fault *f)
{
	(void)ctx;
	if (f->what[0] == '\0' || f->where[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char path[64], psk[64];
	static int fd = -1, key = -1;
	struct policy_opts given = POLICY_OPTS_DEFAULT;
	struct peers peers;
	struct fault f;

	if (fd == -1) {
		(void)secret_init();
		fd = memfd_create("peers", 0);
		key = memfd_create("psk", 0);
		(void)fchmod(key, 0600);
		(void)fchmod(fd, 0600);
		if (write(key, "secret", 6) != 6)
			abort();
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		(void)snprintf(psk, sizeof(psk), "/proc/self/fd/%d", key);
	}
	/* A secret may come from the terminal or a named pipe; not in here. */
	if (memmem(data, len, "psk-file", 8) != NULL)
		return (0);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
	given.psk_file = psk;
	if (peers_file_read(&peers, path, &given, &f) == 0) {
		if (peers.n == 0)
			abort();
		peers_wipe(&peers);
	} else if (peers.n != 0 || peers.p != NULL || f.what[0] == '\0' || f.where[0] == '\0')
		abort();
	if (peers_file_pick(&peers, path, "a", &given, &f) == 0)
		peers_wipe(&peers);
	(void)peers_file_check(path, &(const struct peers_check){ .line = on_line, .wrong = on_wrong }, &f);
	return (0);
}
