/* Names of TUN devices, for tools that make none. */
#include "net/tun_name.h"

#include <net/if.h>
#include <string.h>

bool
tun_name_ok(const char *name)
{
	size_t n = strlen(name);

	return (n > 0 && n < IFNAMSIZ && strpbrk(name, "/% \t\n:") == NULL && strcmp(name, ".") != 0 &&
	    strcmp(name, "..") != 0);
}
