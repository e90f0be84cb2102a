/* The Makefile's VERSION, as -V prints it. */
#ifndef SAPIPE_CLI_VERSION_H
#define SAPIPE_CLI_VERSION_H

#ifndef SAPIPE_VERSION
#define SAPIPE_VERSION	"unknown"	/* built without the Makefile */
#endif
#define VERSION	SAPIPE_VERSION

#endif
