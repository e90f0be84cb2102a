/* Unit tests that have the name of a class of attacks. */
#ifndef SAPIPE_TESTS_CLASSES_H
#define SAPIPE_TESTS_CLASSES_H

#define CLASS_WITH(name, test, setup, teardown)	{ name, test, setup, teardown, NULL }
#define CLASS(name, test)			CLASS_WITH(name, test, NULL, NULL)

#endif
