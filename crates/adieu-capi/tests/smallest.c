/* The smallest use, as the documentation has it. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

static void smallest(adieu_socket sock)
{
    int was_graceful = 0;

    adieu_report report = ADIEU_REPORT_INIT;
    int rc = adieu_finish(sock, NULL, &report);   /* 0: the report is true and the socket is closed; else an error code, adieu_error_name(rc) */
    if (rc == 0 && report.ending == ADIEU_ENDING_GRACEFUL)
        was_graceful = 1;
    char text[512]; adieu_report_sentence(&report, text, sizeof text);
    puts(adieu_ending_name(report.ending));

    check(was_graceful);
    check(strncmp(text, "graceful: ", 10) == 0);
    check(strcmp(adieu_ending_name(report.ending), "graceful") == 0);
    check(strcmp(adieu_error_name(rc), "none") == 0);
    check(strcmp(adieu_version(), ADIEU_VERSION) == 0);
}

int main(void)
{
    adieu_socket ends[2];
    start_network();
    make_pair(ends);
    send_text(ends[1], "good-bye");
    check(shutdown(ends[1], SHUT_WR) == 0);
    smallest(ends[0]);
    check(!is_open(ends[0]));
    check(end_seen_by(ends[1]) == 0);
    check(close_socket(ends[1]) == 0);
    return 0;
}
