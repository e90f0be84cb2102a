/* The path MTU that the kernel knows, by a UDP socket for each family that stays open: thousands of peers are asked about. */
#ifndef SAPIPE_OS_PATHMTU_H
#define SAPIPE_OS_PATHMTU_H

#include "base/addr.h"

struct path_asker {
	int		fd[2];		/* IPv4, IPv6; -1: not open yet */
	uint32_t	mark;		/* set on them if it is not 0 and we may */
};

struct path_asker path_asker_of(uint32_t mark);
void path_asker_close(struct path_asker *a);
/* The path MTU to ${remote} that the kernel knows now; 0: there is no route. */
size_t path_mtu(struct path_asker *a, const struct addr *remote);
/* The same, for one question. */
size_t path_mtu_once(const struct addr *remote, uint32_t mark);

#endif
