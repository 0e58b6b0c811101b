/* Two threads finish connections at once, by the call that blocks and on a loop of their own. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* g++ has it by itself */
#endif
#include "net.h"

#include <pthread.h>

enum { ROUNDS = 200 };

static void *by_call(void *unused)
{
    int i;
    (void)unused;
    for (i = 0; i < ROUNDS; i++) {
        int ends[2];
        adieu_report report = ADIEU_REPORT_INIT;
        char text[512];
        make_pair(ends);
        send_text(ends[0], "x");
        check(shutdown(ends[1], SHUT_WR) == 0);
        check(adieu_finish(ends[0], NULL, &report) == 0);
        check_ending(report, ADIEU_ENDING_GRACEFUL);
        check(adieu_report_json(&report, text, sizeof text) > 0);
        close(ends[1]);
    }
    return NULL;
}

static void *by_loop(void *unused)
{
    int i;
    (void)unused;
    for (i = 0; i < ROUNDS; i++) {
        int ends[2], rc;
        adieu_report report = ADIEU_REPORT_INIT;
        adieu_finisher *finisher;
        make_pair(ends);
        check(adieu_finisher_begin(ends[0], NULL, &finisher) == 0);
        reset_peer(ends[1]);
        while ((rc = adieu_finisher_advance(finisher, &report)) == ADIEU_WAITING) {
            adieu_waits waits = adieu_finisher_waits(finisher);
            struct pollfd one = { waits.socket, waits.events, 0 };
            check(poll(&one, 1, waits.timeout_ms) >= 0);
        }
        check(rc == 0);
        check_ending(report, ADIEU_ENDING_RESET);
        adieu_finisher_free(finisher);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    start_network();
    check(pthread_create(&threads[0], NULL, by_call, NULL) == 0);
    check(pthread_create(&threads[1], NULL, by_loop, NULL) == 0);
    check(pthread_join(threads[0], NULL) == 0);
    check(pthread_join(threads[1], NULL) == 0);
    return 0;
}
