/* The version, which -V prints. Defined only here. */
#ifndef SAPIPE_CLI_VERSION_H
#define SAPIPE_CLI_VERSION_H

#define VERSION	"0.1.0"

#endif
