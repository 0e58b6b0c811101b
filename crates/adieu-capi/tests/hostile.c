/* Sockets in every state that a program can give: each gets a true report or a clear error, by the call that blocks and by an event
 * loop, and no descriptor is left open. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* g++ has it by itself */
#endif
#include "net.h"

#ifndef _WIN32
#include <dirent.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <termios.h>
#endif

/* Finishes in one of the two ways. */
typedef int (*way)(adieu_socket, const adieu_finish_options *, adieu_report *);

static int by_loop(adieu_socket socket, const adieu_finish_options *options, adieu_report *report)
{
    adieu_finisher *finisher;
    int rc = adieu_finisher_begin(socket, options, &finisher);
    if (rc != 0) {
        check(finisher == NULL);
        return rc;
    }
    while ((rc = adieu_finisher_advance(finisher, report)) == ADIEU_WAITING) {
        adieu_waits waits = adieu_finisher_waits(finisher);
#ifdef _WIN32
        WSAPOLLFD one;
        one.fd = waits.socket;
        one.events = waits.events;
        if (waits.socket == ADIEU_NO_SOCKET || waits.events == 0)
            Sleep((DWORD)waits.timeout_ms);
        else
            check(WSAPoll(&one, 1, waits.timeout_ms) >= 0);
#else
        struct pollfd one = { waits.socket, waits.events, 0 };
        check(poll(&one, 1, waits.timeout_ms) >= 0);
#endif
    }
    check(adieu_finisher_advance(finisher, report) == rc);
    check(adieu_finisher_waits(finisher).socket == ADIEU_NO_SOCKET);
    adieu_finisher_free(finisher);
    return rc;
}

static adieu_finish_options with_deadline(uint64_t ms)
{
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    options.deadline_ms = ms;
    return options;
}

static void graceful(way finish)
{
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;

    /* With unread data: a close alone would answer it with a reset. */
    make_pair(ends);
    send_text(ends[0], "question");
    send_text(ends[1], "a long answer");
    check(shutdown(ends[1], SHUT_WR) == 0);
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
    check(!is_open(ends[0]));
    check(report.bytes_received == 13 && report.bytes_discarded == 13 && report.bytes_written == 0);
    check(report.transport == ADIEU_TRANSPORT_TCP);
#ifdef __linux__
    /* Elsewhere the peer's end is seen when it is received, which is after ours was sent. */
    check(report.ended_first == ADIEU_SIDE_PEER);
#endif
    check(report.eof_received == ADIEU_FACT_YES && report.fin_acknowledged == ADIEU_FACT_YES);
    check(report.socket_error_clear == ADIEU_FACT_YES && report.error_code == 0);
    check(strncmp(report.local_address, "127.0.0.1:", 10) == 0);
    check(strncmp(report.peer_address, "127.0.0.1:", 10) == 0);
    check(report.closed_us != ADIEU_UNKNOWN && report.started_at_us != ADIEU_UNKNOWN);
    check(end_seen_by(ends[1]) == 0);
    close_socket(ends[1]);
}

static void half_closed_already(way finish)
{
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;

    make_pair(ends);
    check(shutdown(ends[0], SHUT_WR) == 0);
    check(shutdown(ends[1], SHUT_WR) == 0);
#ifdef _WIN32
    /* Wine 8 forgets the peer once both have ended. */
    if (finish(ends[0], NULL, &report) == 0)
        check(report.ending == ADIEU_ENDING_GRACEFUL || report.ending == ADIEU_ENDING_INDETERMINATE);
#else
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
#endif
    check(!is_open(ends[0]));
    close_socket(ends[1]);
}

static void reset_already(way finish)
{
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;

    make_pair(ends);
    reset_peer(ends[1]);
#ifdef _WIN32
    /* Wine 8 forgets the peer by that, or the reason; but it is never taken for an end. */
    if (finish(ends[0], NULL, &report) == 0)
        check(report.ending == ADIEU_ENDING_RESET || report.ending == ADIEU_ENDING_INDETERMINATE);
#else
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_RESET);
    check(report.reset_by == ADIEU_SIDE_PEER && report.error_code != 0);
#endif
    check(!is_open(ends[0]));
}

static void a_bound_that_passes(way finish)
{
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;
    adieu_finish_options options = with_deadline(20);

    make_pair(ends);
    check(finish(ends[0], &options, &report) == 0);
    check_ending(report, ADIEU_ENDING_TIMED_OUT);
    check(report.timer == ADIEU_TIMER_DEADLINE);
    close_socket(ends[1]);

    options = with_deadline(ADIEU_UNLIMITED);
    options.idle_timeout_ms = 20;
    options.at_bound = ADIEU_AT_BOUND_CLOSE;
    make_pair(ends);
    check(finish(ends[0], &options, &report) == 0);
    check_ending(report, ADIEU_ENDING_TIMED_OUT);
    check(report.timer == ADIEU_TIMER_IDLE && end_seen_by(ends[1]) == 0);
    close_socket(ends[1]);

    options = with_deadline(0);
    options.late_limit = 4;
    make_pair(ends);
    send_text(ends[1], "12345");
    check(finish(ends[0], &options, &report) == 0);
    check_ending(report, ADIEU_ENDING_RESET);
    check(report.reset_by == ADIEU_SIDE_US && reset_seen_by(ends[1]));
    close_socket(ends[1]);
}

/* Late bytes go here. */
struct sink {
    char bytes[64];
    size_t length;
    int says;
};

static int take(void *user, const uint8_t *bytes, size_t length)
{
    struct sink *sink = (struct sink *)user;
    check(sink->length + length <= sizeof sink->bytes);
    memcpy(sink->bytes + sink->length, bytes, length);
    sink->length += length;
    return sink->says;
}

static void late_bytes(way finish)
{
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    struct sink sink = { "", 0, 0 };

    options.late_bytes = take;
    options.user = &sink;
    options.role = ADIEU_ROLE_CONNECT;
    make_pair(ends);
    send_text(ends[1], "late, ");
    send_text(ends[1], "and later");
    check(shutdown(ends[1], SHUT_WR) == 0);
    check(finish(ends[0], &options, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
    check(report.bytes_written == 15 && report.bytes_discarded == 0 && report.role == ADIEU_ROLE_CONNECT);
    check(sink.length == 15 && memcmp(sink.bytes, "late, and later", 15) == 0);
    close_socket(ends[1]);

    sink.length = 0;
    sink.says = -1;
    make_pair(ends);
    send_text(ends[1], "not wanted");
    check(finish(ends[0], &options, &report) == 0);
    check_ending(report, ADIEU_ENDING_LOCAL_FAILURE);
    check(report.local_end == ADIEU_LOCAL_END_OUTPUT && report.error_code == 0 && reset_seen_by(ends[1]));
    close_socket(ends[1]);
}

static void what_cannot_be_finished(way finish)
{
    adieu_report report = ADIEU_REPORT_INIT;
    struct sockaddr_in address;
    adieu_socket socket_of_ours;

    socket_of_ours = socket(AF_INET, SOCK_STREAM, 0);
    check(finish(socket_of_ours, NULL, &report) == ADIEU_ERROR_NOT_CONNECTED && !is_open(socket_of_ours));
    socket_of_ours = listen_on_loopback(&address);
    check(finish(socket_of_ours, NULL, &report) == ADIEU_ERROR_NOT_CONNECTED && !is_open(socket_of_ours));
    socket_of_ours = socket(AF_INET, SOCK_DGRAM, 0);
    check(finish(socket_of_ours, NULL, &report) == ADIEU_ERROR_NOT_A_STREAM && !is_open(socket_of_ours));
    check(finish(ADIEU_NO_SOCKET, NULL, &report) == ADIEU_ERROR_NOT_OPEN);
    /* Closed before. */
#ifdef _WIN32
    check(finish(socket_of_ours, NULL, &report) == ADIEU_ERROR_NOT_A_SOCKET);
#else
    check(finish(socket_of_ours, NULL, &report) == ADIEU_ERROR_NOT_OPEN);
    check(finish(-2, NULL, &report) == ADIEU_ERROR_NOT_OPEN);
    check(finish(1 << 30, NULL, &report) == ADIEU_ERROR_NOT_OPEN);
#endif
}

static void an_error_is_in_the_report_too(void)
{
    adieu_report report = ADIEU_REPORT_INIT;
    char text[512];

    check(adieu_finish(socket(AF_INET, SOCK_STREAM, 0), NULL, &report) == ADIEU_ERROR_NOT_CONNECTED);
    check_ending(report, ADIEU_ENDING_NO_CONNECTION);
    check(report.error == ADIEU_ERROR_NOT_CONNECTED && report.bytes_unacknowledged == ADIEU_UNKNOWN);
    adieu_report_sentence(&report, text, sizeof text);
    check(strcmp(text, "the socket cannot be finished: it is not connected") == 0);
    check(strcmp(adieu_error_name(report.error), "not_connected") == 0);
    check(adieu_finish(ADIEU_NO_SOCKET, NULL, &report) == ADIEU_ERROR_NOT_OPEN);
    check_ending(report, ADIEU_ENDING_LOCAL_FAILURE);
    adieu_report_sentence(&report, text, sizeof text);
    check(strcmp(text, "the socket cannot be finished: it is not open") == 0);
}

static void resets_on_purpose(void)
{
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;
    adieu_finisher *finisher;

    make_pair(ends);
    check(adieu_abort(ends[0]) == 0 && !is_open(ends[0]) && reset_seen_by(ends[1]));
    close_socket(ends[1]);
    check(adieu_abort(ADIEU_NO_SOCKET) == ADIEU_ERROR_NOT_OPEN);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    check(adieu_abort(ends[0]) == ADIEU_ERROR_NOT_CONNECTED && !is_open(ends[0]));

    make_pair(ends);
    check(adieu_finisher_begin(ends[0], NULL, &finisher) == 0);
    check(adieu_finisher_advance(finisher, NULL) == ADIEU_WAITING);
    check(adieu_finisher_abort(finisher, &report) == 0);
    check_ending(report, ADIEU_ENDING_RESET);
    check(report.reset_by == ADIEU_SIDE_US && !is_open(ends[0]) && reset_seen_by(ends[1]));
    check(adieu_finisher_advance(finisher, &report) == 0);
    adieu_finisher_free(finisher);
    close_socket(ends[1]);

    /* Freed before its end: our FIN is out, so it is left to the system. */
    make_pair(ends);
    check(adieu_finisher_begin(ends[0], NULL, &finisher) == 0);
    check(adieu_finisher_advance(finisher, NULL) == ADIEU_WAITING);
    adieu_finisher_free(finisher);
    check(!is_open(ends[0]) && end_seen_by(ends[1]) == 0);
    close_socket(ends[1]);
}

#ifndef _WIN32

/* Waits until the kernel has told the socket of something. */
static void await_news(int socket)
{
    struct pollfd one = { socket, POLLIN, 0 };
    check(poll(&one, 1, 10000) == 1);
}

static void of_a_reset_that_was_told(way finish)
{
#ifdef __linux__
    adieu_socket ends[2];
    adieu_report report = ADIEU_REPORT_INIT;
    char buffer[1];

    /* Linux tells it once, and the program was told. It must not be taken for an EOF. */
    make_pair(ends);
    reset_peer(ends[1]);
    await_news(ends[0]);
    check(recv(ends[0], buffer, 1, 0) == -1 && errno == ECONNRESET);
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_INDETERMINATE);
    check(report.missing == ADIEU_MISSING_CAUSE);
#else
    (void)finish;
#endif
}

static void of_posix(way finish)
{
    adieu_socket ends[2];
    int pipe_ends[2], n;
    adieu_report report = ADIEU_REPORT_INIT;
    char buffer[1];

    /* Non-blocking. */
    make_pair(ends);
    check(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    check(shutdown(ends[1], SHUT_WR) == 0);
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
    close(ends[1]);

    /* Urgent data. */
    make_pair(ends);
    send_text(ends[1], "before");
    check(send(ends[1], "!", 1, MSG_OOB) == 1);
    send_text(ends[1], "after");
    check(shutdown(ends[1], SHUT_WR) == 0);
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
    close(ends[1]);

    /* A Unix socket. */
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    send_text(ends[1], "late");
    check(shutdown(ends[1], SHUT_WR) == 0);
    check(finish(ends[0], NULL, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
    check(report.transport == ADIEU_TRANSPORT_UNIX && report.bytes_received == 4 && report.local_address[0] == '\0');
    check(report.bytes_unacknowledged == ADIEU_UNKNOWN);
    close(ends[1]);

    /* What is not a socket is closed too. */
    check(pipe(pipe_ends) == 0);
    check(finish(pipe_ends[1], NULL, &report) == ADIEU_ERROR_NOT_A_SOCKET);
    n = (int)read(pipe_ends[0], buffer, 1);
    check(n == 0);
    close(pipe_ends[0]);
#ifdef __linux__
    make_pair(ends);
    check(shutdown(ends[0], SHUT_RD) == 0);
    check(finish(ends[0], NULL, &report) == ADIEU_ERROR_RECEIVING_SHUT);
    close(ends[1]);
#endif
}

#ifdef __linux__

/* Waits until the peer's system has acknowledged everything, which it may delay. */
static void await_acknowledged(int socket)
{
    uint64_t bytes = 1;
    int tries;
    for (tries = 0; bytes != 0 && tries < 10000; tries++) {
        check(adieu_unacknowledged(socket, &bytes) == 0);
        if (bytes != 0)
            poll(NULL, 0, 1);
    }
    check(bytes == 0);
}

#endif

static void unacknowledged(void)
{
    adieu_socket ends[2];
    uint64_t bytes = 7;

    check(adieu_unacknowledged(-1, &bytes) == ADIEU_ERROR_NOT_OPEN && bytes == ADIEU_UNKNOWN);
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    check(adieu_unacknowledged(ends[0], &bytes) == ADIEU_ERROR_UNSUPPORTED && bytes == ADIEU_UNKNOWN);
    close(ends[0]);
    close(ends[1]);
    make_pair(ends);
    check(adieu_unacknowledged(ends[0], NULL) == ADIEU_ERROR_INVALID_ARGUMENT);
#ifdef __linux__
    {
        static char zeros[1 << 16];
        long sent, n, received = 0;
        int octets, again, is_steady = 0;

        send_text(ends[0], "hello");
        await_acknowledged(ends[0]);
        sent = 5;
        while ((n = (long)send(ends[0], zeros, sizeof zeros, MSG_DONTWAIT)) > 0)
            sent += n;
        check(adieu_unacknowledged(ends[0], &bytes) == 0 && bytes > 0 && bytes <= (uint64_t)sent);
        /* The FIN that is queued behind the bytes is not counted as one. */
        check(shutdown(ends[0], SHUT_WR) == 0);
        while (!is_steady) {
            check(ioctl(ends[0], TIOCOUTQ, &octets) == 0);
            check(adieu_unacknowledged(ends[0], &bytes) == 0);
            check(ioctl(ends[0], TIOCOUTQ, &again) == 0);
            is_steady = octets == again;
        }
        check(bytes + 1 == (uint64_t)octets);
        while ((n = (long)recv(ends[1], zeros, sizeof zeros, 0)) > 0)
            received += n;
        check(n == 0 && received == sent);
        await_acknowledged(ends[0]);
        reset_peer(ends[1]);
        await_news(ends[0]);
        check(adieu_unacknowledged(ends[0], &bytes) == ADIEU_ERROR_UNSUPPORTED && bytes == ADIEU_UNKNOWN);
    }
#else
    check(adieu_unacknowledged(ends[0], &bytes) == ADIEU_ERROR_UNSUPPORTED);
    close(ends[1]);
#endif
    check(is_open(ends[0]));
    close(ends[0]);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/dev/fd");
    check(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

#else

static void unacknowledged(void)
{
    adieu_socket ends[2];
    uint64_t bytes = 7;

    make_pair(ends);
    check(adieu_unacknowledged(ends[0], &bytes) == ADIEU_ERROR_UNSUPPORTED && bytes == ADIEU_UNKNOWN);
    close_socket(ends[0]);
    close_socket(ends[1]);
}

#endif

int main(void)
{
    const way ways[] = { adieu_finish, by_loop };
    size_t i;
#ifndef _WIN32
    int before = open_descriptors();
#endif

    start_network();
    for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        graceful(ways[i]);
        half_closed_already(ways[i]);
        reset_already(ways[i]);
        a_bound_that_passes(ways[i]);
        late_bytes(ways[i]);
        what_cannot_be_finished(ways[i]);
#ifndef _WIN32
        of_a_reset_that_was_told(ways[i]);
        of_posix(ways[i]);
#endif
    }
    an_error_is_in_the_report_too();
    resets_on_purpose();
    unacknowledged();
#ifndef _WIN32
    check(open_descriptors() == before);
#endif
    return 0;
}
