/*
 * Accounting of the sessions of XAuth's users, as gateway: a command (--xauth-account) is run when a session starts, at
 * intervals, and when it ends. A session begins with a login and lasts as long as an IKE SA or child SA of it. An IKE SA of
 * the same user with the same inner address, or without one from the same address and identity, continues it.
 *
 * The command reads "KEY=VALUE\0" from descriptor 3: event (start, interim, stop; on and off of the gateway itself), time
 * (seconds since 1970), session (a name that no other has), user, group, name (section of the peers file), id, remote,
 * local, address, address6, account (hex, as the command that judged the login printed it); of interim and stop also
 * seconds, and where esp-tun counts them bytes-in, bytes-out, packets-in and packets-out, in as seen by the gateway; of stop
 * cause: see account_cause_words. Unknown values are left out. With status COMMAND_AGAIN a start or stop is reported
 * again after ACCOUNT_AGAIN_S. Reports of a session come one after another.
 *
 * Commands are run by a helper process of their own: nothing here waits for one.
 */
#ifndef SAPIPE_TOOL_ACCOUNT_H
#define SAPIPE_TOOL_ACCOUNT_H

#include "base/now.h"
#include "ike/ike.h"
#include "tool/login.h"

#define ACCOUNT_FD		3
#define ACCOUNT_RUN_S		60	/* that a command may take */
#define ACCOUNT_AGAIN_S		60
#define ACCOUNT_KEEP_S		86400	/* after which a report that failed is given up */
#define ACCOUNT_WAIT_MAX	16384	/* reports that wait; one more is lost */
#define ACCOUNT_INTERIM_MIN_S	60	/* that a command which judges logins may ask for (RFC 2869 section 5.16) */
#define ACCOUNT_START_MS	5000	/* after the login: a start waits so long for an inner address or a child SA */
#define ACCOUNT_COUNT_MS	1000	/* after the end of its SAs: a stop waits so long for the last counters */
#define ACCOUNT_LOGIN_MS	300000	/* after which a login that came to no IKE SA is forgotten */

enum account_cause {
	ACCOUNT_USER_REQUEST, ACCOUNT_LOST_CARRIER, ACCOUNT_LOST_SERVICE, ACCOUNT_SESSION_TIMEOUT, ACCOUNT_ADMIN_RESET,
	ACCOUNT_ADMIN_REBOOT, ACCOUNT_NAS_ERROR, ACCOUNT_CAUSES
};
extern const char *const account_cause_words[ACCOUNT_CAUSES];	/* "user-request" */

struct account;

/*
 * Forks the helper for ${cmd} (run as sh -c). ${interim_s}: between reports of a session; 0: as its login says, UINT32_MAX:
 * none. NULL with a fault.
 */
struct account *account_open(const char *cmd, uint32_t interim_s, struct fault *f);
/* Ends. Reports that wait are still made, COMMANDS_DRAIN_S long. NULL is fine here and below, where it does nothing. */
void account_close(struct account *a);

void account_on(struct account *a, struct now now);	/* the gateway begins */
void account_off(struct account *a, struct now now);	/* it ends: so do all sessions */
/* A login that was accepted, for the IKE SA ${id}. Call it before the engine gets the answer. */
void account_login(struct account *a, struct now now, const uint8_t id[16], const struct login_answer *l);
/* A record of the engine, in the order in which it is written. */
void account_record(struct account *a, struct now now, const struct sa_rec *rec);
/* Counters of the data path, about one child SA. */
void account_traffic(struct account *a, struct now now, const struct sa_event *ev);
/* Reports sessions whose inner address is known now. Call it when the engine has done a step. */
void account_settle(struct account *a, struct now now, struct ike_engine *e);
/* Reports what is due. When the next is, in now.ms; UINT64_MAX: nothing will be. */
void account_timeout(struct account *a, struct now now, struct ike_engine *e);
uint64_t account_deadline_ms(const struct account *a);

int account_fd(const struct account *a);	/* readable when a command has ended */
/* The next that has ended: its status, and whether it is run again. 1; 0: none; -1: the helper has ended. */
int account_next(struct account *a, uint8_t *status, bool *again);

size_t account_count(const struct account *a);	/* sessions that were started; for tests */

#endif
