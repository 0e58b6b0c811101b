/* A thousand connections finished at once by one thread with poll(), without a busy wait. Usage: crowd [CONNECTIONS] */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* g++ has it by itself */
#endif
#include "net.h"

#include <time.h>

enum { MOST = 1000 };

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    check(clock_gettime(clock, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const int connections = argc > 1 ? atoi(argv[1]) : MOST;
    static adieu_finisher *finishers[MOST];
    static struct pollfd watched[MOST];
    static int peers[MOST];
    struct rlimit limit;
    struct sockaddr_in address;
    int i, listener, left, graceful = 0, ended_peers = 0, quiet_turns = 0, turns = 0;
    long advances = 0, quiet_advances = 0;
    double began, processor_before;

    check(connections > 0 && connections <= MOST);
    left = connections;
    /* Two for each connection, and one more while acknowledgements are waited for. */
    check(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < (rlim_t)(4 * connections)) {
        limit.rlim_cur = (rlim_t)(4 * connections);
        if (limit.rlim_cur > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            fprintf(stderr, "skipped: no more than %ld descriptors are allowed\n", (long)limit.rlim_max);
            return 77;
        }
    }
    start_network();
    listener = listen_on_loopback(&address);
    for (i = 0; i < connections; i++) {
        int ends[2];
        connect_to(listener, &address, ends);
        send_text(ends[0], "a request");
        peers[i] = ends[1];
        check(adieu_finisher_begin(ends[0], NULL, &finishers[i]) == 0);
        watched[i].fd = -1;
        check(adieu_finisher_advance(finishers[i], NULL) == ADIEU_WAITING);
    }

    /* While no peer says anything, nothing is ready, and nobody asks to be called at once. */
    began = seconds_of(CLOCK_MONOTONIC);
    processor_before = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    while (left > 0) {
        int timeout = -1, ready;
        for (i = 0; i < connections; i++) {
            adieu_waits waits;
            if (finishers[i] == NULL)
                continue;
            waits = adieu_finisher_waits(finishers[i]);
            watched[i].fd = waits.socket;
            watched[i].events = waits.events;
            if (waits.timeout_ms >= 0 && (timeout < 0 || waits.timeout_ms < timeout))
                timeout = waits.timeout_ms;
        }
        if (ended_peers == 0) {
            /* Half a second of silence: a busy wait would go round thousands of times. */
            double silence = 0.5 - (seconds_of(CLOCK_MONOTONIC) - began);
            if (silence <= 0) {
                check(quiet_advances <= 4 * connections && quiet_turns <= 200);
                check(seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor_before < 0.4);
            } else if (timeout < 0 || timeout > (int)(silence * 1000) + 1) {
                timeout = (int)(silence * 1000) + 1;
            }
        }
        ready = poll(watched, (nfds_t)connections, timeout);
        check(ready >= 0);
        turns++;
        if (ended_peers == 0)
            quiet_turns++;
        for (i = 0; i < connections; i++) {
            adieu_report report = ADIEU_REPORT_INIT;
            int rc;
            if (finishers[i] == NULL
                || (watched[i].revents == 0 && adieu_finisher_waits(finishers[i]).timeout_ms != 0))
                continue;
            advances++;
            if (ended_peers == 0)
                quiet_advances++;
            rc = adieu_finisher_advance(finishers[i], &report);
            if (rc == ADIEU_WAITING)
                continue;
            check(rc == 0);
            check_ending(report, ADIEU_ENDING_GRACEFUL);
            graceful++;
            left--;
            adieu_finisher_free(finishers[i]);
            finishers[i] = NULL;
            watched[i].fd = -1;
        }
        /* Then the peers end, some in each turn. */
        if (seconds_of(CLOCK_MONOTONIC) - began >= 0.5) {
            int end = ended_peers + 250 < connections ? ended_peers + 250 : connections;
            for (; ended_peers < end; ended_peers++) {
                char buffer[64];
                while (recv(peers[ended_peers], buffer, sizeof buffer, 0) > 0)
                    ;
                check(close(peers[ended_peers]) == 0);
            }
        }
    }
    check(graceful == connections);
    /* Each connection is advanced a few times, not once in every turn. */
    check(advances <= 10L * connections);
    printf("%d connections in %d turns and %ld advances\n", graceful, turns, advances);
    close(listener);
    return 0;
}
