/* Lets a unit run some of its tests: CMOCKA_TEST_FILTER=NAME, where ${NAME} may hold * and ?. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void
filter_tests(void)
{
	const char *name = getenv("CMOCKA_TEST_FILTER");

	if (name != NULL)
		cmocka_set_test_filter(name);
}
