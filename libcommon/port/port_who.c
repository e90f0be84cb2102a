/*
 * Finds which process has a UDP or TCP port that cannot be shared: for one line to the user, so nothing here is an
 * error.
 */
#include "port/port_who.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIDS_MAX	20000	/* of processes looked at */

/* The address as /proc/net/udp writes it: 32-bit words in the machine's order. */
static bool
addr_unhex(struct addr *a, uint8_t family, const char *hex)
{
	char word[9] = "";
	size_t i, words = family == 6 ? 4 : 1;
	uint32_t v;

	*a = (struct addr){ .family = family };
	if (strlen(hex) != 8 * words)
		return (false);
	for (i = 0; i < words; i++) {
		memcpy(word, hex + 8 * i, 8);
		v = (uint32_t)strtoul(word, NULL, 16);
		memcpy(a->b + 4 * i, &v, 4);
	}
	return (true);
}

/*
 * The inode and uid of the socket that keeps others from ${at}, as the kernel's table has it:
 * bound to that address or to all. False if there is none.
 */
static bool
find_socket(const char *table, uint8_t family, const struct endpoint *at, unsigned long *inode,
    unsigned long *uid)
{
	static const uint8_t zero[16];
	char line[512], hex[33];
	bool any = memcmp(at->addr.b, zero, addr_len(&at->addr)) == 0;
	struct addr had;
	unsigned port;
	FILE *in;

	if ((in = fopen(table, "re")) == NULL)
		return (false);
	while (fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, " %*d: %32[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %lu %*d %lu", hex, &port,
		    uid, inode) == 4 && port == at->port && addr_unhex(&had, family, hex) &&
		    (memcmp(had.b, zero, addr_len(&had)) == 0 || (family == at->addr.family &&
		    (any || memcmp(had.b, at->addr.b, addr_len(&had)) == 0)))) {
			(void)fclose(in);
			return (true);
		}
	(void)fclose(in);
	return (false);
}

static bool
has_socket(const char *pid, unsigned long inode)
{
	char path[300], link[64], want[64];
	struct dirent *e;
	bool found = false;
	ssize_t n;
	DIR *d;

	(void)snprintf(want, sizeof(want), "socket:[%lu]", inode);
	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	if ((d = opendir(path)) == NULL)
		return (false);
	while (!found && (e = readdir(d)) != NULL) {
		n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = '\0';
		found = strcmp(link, want) == 0;
	}
	(void)closedir(d);
	return (found);
}

static void
read_comm(char *out, size_t cap, const char *pid)
{
	char path[300];
	FILE *in;

	(void)snprintf(out, cap, "a program");
	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if ((in = fopen(path, "re")) == NULL)
		return;
	if (fgets(out, (int)cap, in) != NULL)
		out[strcspn(out, "\n")] = '\0';
	(void)fclose(in);
}

char *
port_who(char out[PORT_WHO], const struct endpoint *at, bool tcp)
{
	unsigned long inode = 0, uid = 0;
	char comm[64];
	struct dirent *e;
	int left = PIDS_MAX;
	DIR *d;

	(void)snprintf(out, PORT_WHO, "another program");
	/* A socket of all IPv6 addresses may have those of IPv4 as well. */
	if (!(at->addr.family == 4 && find_socket(tcp ? "/proc/net/tcp" : "/proc/net/udp", 4, at, &inode, &uid)) &&
	    !find_socket(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", 6, at, &inode, &uid))
		return (out);
	(void)snprintf(out, PORT_WHO, "another program (user %lu)", uid);
	if ((d = opendir("/proc")) == NULL)
		return (out);
	while ((e = readdir(d)) != NULL && left-- > 0) {
		/* Not this process, which may have inherited the socket of its parent. */
		if (!isdigit((unsigned char)e->d_name[0]) || atol(e->d_name) == (long)getpid() ||
		    !has_socket(e->d_name, inode))
			continue;
		read_comm(comm, sizeof(comm), e->d_name);
		(void)snprintf(out, PORT_WHO, "%s (process %.10s, user %lu)", comm,
		    e->d_name, uid);
		break;
	}
	(void)closedir(d);
	return (out);
}
