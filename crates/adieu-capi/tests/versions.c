/* Structs of other sizes than the library's: programs that are older or newer than it, and programs that are wrong. */
#define _POSIX_C_SOURCE 200809L
#include "net.h"

/* A connection whose peer has ended. */
static adieu_socket ended_peer(adieu_socket *peer)
{
    adieu_socket ends[2];
    make_pair(ends);
    check(shutdown(ends[1], SHUT_WR) == 0);
    *peer = ends[1];
    return ends[0];
}

static void an_older_program(void)
{
    adieu_socket peer, ours = ended_peer(&peer);
    adieu_report report = ADIEU_REPORT_INIT;
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    char text[512];

    /* Its structs end before these fields, and what is there belongs to somebody else. */
    report.size = offsetof(adieu_report, bytes_received);
    report.bytes_received = 42;
    report.peer_address[0] = 'x';
    options.size = offsetof(adieu_finish_options, late_bytes);
    options.role = 77;
    options.at_bound = -5;
    check(adieu_finish(ours, &options, &report) == 0);
    check_ending(report, ADIEU_ENDING_GRACEFUL);
    check(report.size == offsetof(adieu_report, bytes_received));
    check(report.bytes_received == 42 && report.peer_address[0] == 'x');
    check(report.role == ADIEU_ROLE_UNKNOWN);
    check(adieu_report_sentence(&report, text, sizeof text) > 0 && strstr(text, "42") == NULL);
    close_socket(peer);
}

static void a_newer_program(void)
{
    struct { adieu_report report; uint64_t later[8]; } newer = { ADIEU_REPORT_INIT, { 1, 2, 3, 4, 5, 6, 7, 8 } };
    struct { adieu_finish_options options; uint64_t later[4]; } more = { ADIEU_FINISH_OPTIONS_INIT, { 0, 0, 0, 0 } };
    adieu_socket peer, ours = ended_peer(&peer);
    int i;

    newer.report.size = sizeof newer;
    more.options.size = sizeof more;
    more.options.role = ADIEU_ROLE_LISTEN;
    check(adieu_finish(ours, &more.options, &newer.report) == 0);
    check_ending(newer.report, ADIEU_ENDING_GRACEFUL);
    check(newer.report.size == sizeof newer && newer.report.role == ADIEU_ROLE_LISTEN);
    for (i = 0; i < 8; i++)
        check(newer.later[i] == (uint64_t)i + 1);
    close_socket(peer);

    /* It sets an option that the library does not have, which must not be ignored. */
    more.later[3] = 1;
    ours = ended_peer(&peer);
    check(adieu_finish(ours, &more.options, &newer.report) == ADIEU_ERROR_UNSUPPORTED && !is_open(ours));
    check_ending(newer.report, ADIEU_ENDING_LOCAL_FAILURE);
    close_socket(peer);
}

static void a_wrong_program(void)
{
    adieu_socket peer, ours = ended_peer(&peer);
    adieu_report report = ADIEU_REPORT_INIT;
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    adieu_finisher *finisher = (adieu_finisher *)&report;
    char text[64];

    /* Whatever is wrong, the socket is closed. */
    report.size = 0;
    check(adieu_finish(ours, NULL, &report) == ADIEU_ERROR_INVALID_ARGUMENT);
    check(!is_open(ours));
    close_socket(peer);
    check(adieu_report_sentence(&report, text, sizeof text) == strlen("there is no report"));
    check(strcmp(text, "there is no report") == 0);
    check(adieu_report_sentence(NULL, text, sizeof text) == strlen("there is no report"));
    check(adieu_report_json(NULL, text, sizeof text) == 4 && strcmp(text, "null") == 0);

    report.size = sizeof report;
    options.size = 0;
    ours = ended_peer(&peer);
    check(adieu_finish(ours, &options, &report) == ADIEU_ERROR_INVALID_ARGUMENT);
    check(!is_open(ours) && report.error == ADIEU_ERROR_INVALID_ARGUMENT);
    check_ending(report, ADIEU_ENDING_LOCAL_FAILURE);
    close_socket(peer);

    options.size = sizeof options;
    options.at_bound = 2;
    ours = ended_peer(&peer);
    check(adieu_finisher_begin(ours, &options, &finisher) == ADIEU_ERROR_INVALID_ARGUMENT);
    check(finisher == NULL && !is_open(ours));
    close_socket(peer);

    options.at_bound = ADIEU_AT_BOUND_CLOSE;
    options.role = 3;
    ours = ended_peer(&peer);
    check(adieu_finish(ours, &options, NULL) == ADIEU_ERROR_INVALID_ARGUMENT);
    close_socket(peer);

    ours = ended_peer(&peer);
    check(adieu_finisher_begin(ours, NULL, NULL) == ADIEU_ERROR_INVALID_ARGUMENT && !is_open(ours));
    close_socket(peer);
    check(adieu_finisher_advance(NULL, &report) == ADIEU_ERROR_INVALID_ARGUMENT);
    check(adieu_finisher_abort(NULL, &report) == ADIEU_ERROR_INVALID_ARGUMENT);
    check(adieu_finisher_waits(NULL).socket == ADIEU_NO_SOCKET);
    adieu_finisher_free(NULL);
    check(strcmp(adieu_error_name(-9), "unknown") == 0 && strcmp(adieu_ending_name(-9), "unknown") == 0);
}

static void texts_that_do_not_fit(void)
{
    adieu_socket peer, ours = ended_peer(&peer);
    adieu_report report = ADIEU_REPORT_INIT;
    char text[512], cut[16], *json;
    size_t length, needed;

    check(adieu_finish(ours, NULL, &report) == 0);
    close_socket(peer);
    length = adieu_report_sentence(&report, text, sizeof text);
    check(length == strlen(text));
    memset(cut, 'x', sizeof cut);
    check(adieu_report_sentence(&report, cut, 10) == length);
    check(strlen(cut) == 9 && strncmp(cut, text, 9) == 0 && cut[10] == 'x');
    check(adieu_report_sentence(&report, NULL, 0) == length);
    check(adieu_report_sentence(&report, cut, 0) == length && cut[0] == text[0]);
    check(adieu_report_sentence(&report, cut, 1) == length && cut[0] == '\0');

    needed = adieu_report_json(&report, NULL, 0);
    json = (char *)malloc(needed + 1);
    check(json != NULL && adieu_report_json(&report, json, needed + 1) == needed && strlen(json) == needed);
    check(json[0] == '{' && json[needed - 1] == '}' && strstr(json, "\"ending\":\"graceful\"") != NULL);
    free(json);
}

int main(void)
{
    start_network();
    an_older_program();
    a_newer_program();
    a_wrong_program();
    texts_that_do_not_fit();
    return 0;
}
