/* The life of a connection. */
#ifndef SAPIPE_IKE_CONN_LIFE_H
#define SAPIPE_IKE_CONN_LIFE_H

#include "ike/conn.h"

/* Compares existing with wanted SAs, and negotiates the missing ones. The timer is out of the heap. */
void ike_conn_timeout(struct ike_engine *e, struct ike_conn *conn, struct now now,
    struct ike_outbox *out);

#endif
