/* Reports of ike-respond --xauth-account (tool/account.h), as Accounting-Requests (RFC 2866). */
#ifndef SAPIPE_LOGIN_RADIUS_ACCOUNTING_H
#define SAPIPE_LOGIN_RADIUS_ACCOUNTING_H

#include "servers.h"
#include "tool/checkpw.h"

/*
 * Sends what is read from descriptor ACCOUNT_FD to the servers. CHECKPW_YES: a server has it; CHECKPW_LATER: none has;
 * CHECKPW_MISUSED: it is no report.
 */
enum checkpw_status accounting(const struct servers *s, const char *nas, struct fault *f);

#endif
