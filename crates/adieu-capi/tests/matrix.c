/* A program that connects, sends its input and finishes the connection: the closing matrix is held against it (cargo xtask capi --test).
 *
 * Usage: matrix call|loop IDLE_MS DEADLINE_MS HOST PORT, or with unix PATH in the place of the last two; 0 is no bound. What the peer sends
 * goes to stdout, the report as JSON to stderr. The exit status is that of the program adieu for the same ending. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "net.h"

#include <errno.h>
#include <netdb.h>
#include <sys/un.h>

static int connect_to_tcp(const char *host, const char *port)
{
    struct addrinfo hints, *found;
    int socket_of_ours;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    check(getaddrinfo(host, port, &hints, &found) == 0);
    socket_of_ours = socket(found->ai_family, SOCK_STREAM, 0);
    check(socket_of_ours != -1 && connect(socket_of_ours, found->ai_addr, found->ai_addrlen) == 0);
    freeaddrinfo(found);
    return socket_of_ours;
}

static int connect_to_path(const char *path)
{
    struct sockaddr_un address;
    int socket_of_ours = socket(AF_UNIX, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    check(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    check(connect(socket_of_ours, (struct sockaddr *)&address, sizeof address) == 0);
    return socket_of_ours;
}

/* What the peer still sends is our output. */
static int print(void *user, const uint8_t *bytes, size_t length)
{
    (void)user;
    while (length > 0) {
        ssize_t n = write(1, bytes, length);
        if (n < 0)
            return errno;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

static int by_loop(int socket_of_ours, const adieu_finish_options *options, adieu_report *report)
{
    adieu_finisher *finisher;
    int rc = adieu_finisher_begin(socket_of_ours, options, &finisher);
    if (rc != 0)
        return rc;
    while ((rc = adieu_finisher_advance(finisher, report)) == ADIEU_WAITING) {
        adieu_waits waits = adieu_finisher_waits(finisher);
        struct pollfd one = { waits.socket, waits.events, 0 };
        check(poll(&one, 1, waits.timeout_ms) >= 0);
    }
    adieu_finisher_free(finisher);
    return rc;
}

static int exit_status(const adieu_report *report)
{
    switch (report->ending) {
    case ADIEU_ENDING_GRACEFUL:
        return 0;
    case ADIEU_ENDING_NO_CONNECTION:
        return 3;
    case ADIEU_ENDING_RESET:
        return 4;
    case ADIEU_ENDING_TIMED_OUT:
        return 5;
    case ADIEU_ENDING_LOCAL_FAILURE:
        return 7;
    case ADIEU_ENDING_INDETERMINATE:
        return 8;
    default:
        return 1;
    }
}

int main(int argc, char **argv)
{
    static char request[1 << 16];
    static char json[1 << 14];
    size_t length = 0, sent = 0;
    ssize_t n;
    int socket_of_ours, rc;
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    adieu_report report = ADIEU_REPORT_INIT;

    check(argc == 6);
    while ((n = read(0, request + length, sizeof request - length)) > 0)
        length += (size_t)n;
    check(n == 0 && length < sizeof request);
    socket_of_ours = strcmp(argv[4], "unix") == 0 ? connect_to_path(argv[5]) : connect_to_tcp(argv[4], argv[5]);
    while (sent < length) {
        n = send(socket_of_ours, request + sent, length - sent, MSG_NOSIGNAL);
        check(n > 0);
        sent += (size_t)n;
    }

    options.idle_timeout_ms = strtoull(argv[2], NULL, 10);
    options.deadline_ms = strtoull(argv[3], NULL, 10);
    if (options.deadline_ms == 0)
        options.deadline_ms = ADIEU_UNLIMITED;
    options.at_bound = ADIEU_AT_BOUND_CLOSE;
    options.role = ADIEU_ROLE_CONNECT;
    options.late_bytes = print;
    rc = (strcmp(argv[1], "loop") == 0 ? by_loop : adieu_finish)(socket_of_ours, &options, &report);
    check(rc == 0);
    check(adieu_report_json(&report, json, sizeof json) < sizeof json);
    fprintf(stderr, "%s\n", json);
    return exit_status(&report);
}
