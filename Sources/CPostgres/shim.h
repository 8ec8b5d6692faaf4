// libpq 15 imports as it is. epoll and eventfd are here because Swift's Glibc module leaves them
// out; PostgresClient waits on libpq's sockets with them.
#ifndef SV0_CPOSTGRES_SHIM_H
#define SV0_CPOSTGRES_SHIM_H

#include <libpq-fe.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#endif
