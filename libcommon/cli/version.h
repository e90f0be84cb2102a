/* The one place that knows the version; -V prints it. */
#ifndef SAPIPE_CLI_VERSION_H
#define SAPIPE_CLI_VERSION_H

#define VERSION	"0.1.0"

#endif
