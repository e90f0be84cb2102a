/*
 * Who has a UDP port that cannot be shared: for one line to the user, so nothing here is an
 * error.
 */
#include "net/port_priv.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIDS_MAX	20000	/* of processes looked at */

/*
 * The inode and uid of the socket bound to ${port} as /proc/net/udp has it; false if there
 * is none.
 */
static bool
find_socket(const char *table, uint16_t port, unsigned long *inode, unsigned long *uid)
{
	char line[512];
	unsigned found;
	FILE *in;

	if ((in = fopen(table, "re")) == NULL)
		return (false);
	while (fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %lu %*d %lu", &found, uid,
		    inode) == 3 && found == port) {
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
port_who(char out[PORT_WHO], const struct endpoint *at)
{
	unsigned long inode = 0, uid = 0;
	char comm[64];
	struct dirent *e;
	int left = PIDS_MAX;
	DIR *d;

	(void)snprintf(out, PORT_WHO, "another program");
	if (!find_socket(at->addr.family == 6 ? "/proc/net/udp6" : "/proc/net/udp", at->port,
	    &inode, &uid))
		return (out);
	(void)snprintf(out, PORT_WHO, "another program (user %lu)", uid);
	if ((d = opendir("/proc")) == NULL)
		return (out);
	while ((e = readdir(d)) != NULL && left-- > 0) {
		if (!isdigit((unsigned char)e->d_name[0]) || !has_socket(e->d_name, inode))
			continue;
		read_comm(comm, sizeof(comm), e->d_name);
		(void)snprintf(out, PORT_WHO, "%s (process %.10s, user %lu)", comm,
		    e->d_name, uid);
		break;
	}
	(void)closedir(d);
	return (out);
}
