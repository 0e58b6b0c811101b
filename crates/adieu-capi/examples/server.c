/* A server with poll() that serves and finishes hundreds of connections without a thread.
 *
 * Each client sends a line. The server answers with the same line and finishes the connection: the client gets the whole answer, also if
 * it is still sending, and a client that never ends its side does not hold a place for longer than the idle timeout.
 *
 * Usage: server [CLIENTS]. It prints the port that it listens on. After so many clients it prints how their connections ended, and exits. */
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
typedef WSAPOLLFD watch;
typedef ULONG watch_count;
typedef int socket_length;
#else
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
typedef struct pollfd watch;
typedef nfds_t watch_count;
typedef socklen_t socket_length;
#endif

#include <adieu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 512 };

/* One connection: its line is being received, and then it is being finished. */
struct client {
    adieu_socket socket;      /* ADIEU_NO_SOCKET: the place is free, or the finisher has it. */
    adieu_finisher *finisher; /* NULL: it is not being finished. */
    char line[256];
    size_t length;
};

static struct client clients[PLACES];
static int endings[16];
static int ended;

/* Takes note of how a connection ended, and frees its place. */
static void note(struct client *client, int ending)
{
    if (ending >= 0 && ending < 16)
        endings[ending]++;
    ended++;
    adieu_finisher_free(client->finisher);
    client->finisher = NULL;
    client->socket = ADIEU_NO_SOCKET;
}

static void advance(struct client *client)
{
    adieu_report report = ADIEU_REPORT_INIT;
    int rc = adieu_finisher_advance(client->finisher, &report);
    char sentence[512];

    if (rc == ADIEU_WAITING)
        return;
    if (report.ending != ADIEU_ENDING_GRACEFUL) {
        adieu_report_sentence(&report, sentence, sizeof sentence);
        fprintf(stderr, "%s: %s\n", report.peer_address, sentence);
    }
    note(client, report.ending);
}

/* Answers, and begins to finish. */
static void answer(struct client *client)
{
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    adieu_socket socket = client->socket;
    const char *newline = (const char *)memchr(client->line, '\n', client->length);
    const size_t length = newline == NULL ? client->length : (size_t)(newline - client->line) + 1;

    client->socket = ADIEU_NO_SOCKET;
    /* So short an answer always fits into the send buffer of a new connection. */
    if (send(socket, client->line, (int)length, 0) != (int)length) {
        adieu_abort(socket);
        note(client, ADIEU_ENDING_LOCAL_FAILURE);
        return;
    }
    options.idle_timeout_ms = 20000;
    options.role = ADIEU_ROLE_LISTEN;
    if (adieu_finisher_begin(socket, &options, &client->finisher) != 0)
        note(client, ADIEU_ENDING_LOCAL_FAILURE);
    else
        advance(client);
}

/* Receives the line, or a part of it. */
static void receive(struct client *client)
{
    int n = (int)recv(client->socket, client->line + client->length, (int)(sizeof client->line - client->length), 0);
    if (n > 0) {
        client->length += (size_t)n;
        if (memchr(client->line, '\n', client->length) != NULL || client->length == sizeof client->line)
            answer(client);
    } else if (n == 0) {
        answer(client);
    } else {
        /* The error is the ending. */
        adieu_abort(client->socket);
        note(client, ADIEU_ENDING_RESET);
    }
}

/* Waits for one of several sockets, or until the time is up. */
static int wait_for(watch *watched, watch_count count, int timeout)
{
#ifdef _WIN32
    /* WSAPoll() does not wait for the time alone. */
    if (count == 0) {
        Sleep((DWORD)timeout);
        return 0;
    }
    return WSAPoll(watched, count, timeout);
#else
    return poll(watched, count, timeout);
#endif
}

static adieu_socket listen_on_loopback(void)
{
    struct sockaddr_in address;
    socket_length length = sizeof address;
    adieu_socket listener = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener == ADIEU_NO_SOCKET || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, SOMAXCONN) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        fprintf(stderr, "cannot listen\n");
        exit(1);
    }
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    static watch watched[PLACES + 1];
    static struct client *whose[PLACES + 1];
    const int most = argc > 1 ? atoi(argv[1]) : 1;
    adieu_socket listener;
    int accepted = 0, is_short = 0, i;

#ifdef _WIN32
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return 1;
#else
    /* A client may be gone before its answer. */
    signal(SIGPIPE, SIG_IGN);
#endif
    for (i = 0; i < PLACES; i++)
        clients[i].socket = ADIEU_NO_SOCKET;
    listener = listen_on_loopback();

    while (ended < most) {
        struct client *free_place = NULL;
        watch_count count = 0, each;
        int timeout = -1;

        for (i = 0; i < PLACES; i++) {
            struct client *client = &clients[i];
            whose[count] = client;
            watched[count].revents = 0;
            if (client->finisher != NULL) {
                adieu_waits waits = adieu_finisher_waits(client->finisher);
                watched[count].fd = waits.socket;
                watched[count].events = waits.events;
                if (waits.timeout_ms >= 0 && (timeout < 0 || waits.timeout_ms < timeout))
                    timeout = waits.timeout_ms;
                if (waits.socket != ADIEU_NO_SOCKET)
                    count++;
            } else if (client->socket != ADIEU_NO_SOCKET) {
                watched[count].fd = client->socket;
                watched[count].events = POLLIN;
                count++;
            } else {
                free_place = client;
            }
        }
        if (is_short) {
            /* No descriptor was free: it rests until one may be, as the client would be there again at once. */
            is_short = 0;
            if (timeout < 0 || timeout > 100)
                timeout = 100;
        } else if (free_place != NULL && accepted < most) {
            whose[count] = NULL;
            watched[count].fd = listener;
            watched[count].events = POLLIN;
            watched[count].revents = 0;
            count++;
        }
        if (wait_for(watched, count, timeout) < 0) {
            fprintf(stderr, "poll failed\n");
            return 1;
        }
        for (each = 0; each < count; each++) {
            if (watched[each].revents == 0)
                continue;
            if (whose[each] == NULL) {
                free_place->socket = accept(listener, NULL, NULL);
                free_place->length = 0;
                if (free_place->socket != ADIEU_NO_SOCKET)
                    accepted++;
                else
                    is_short = 1;
            } else if (whose[each]->finisher != NULL) {
                advance(whose[each]);
            } else {
                receive(whose[each]);
            }
        }
        /* Those whose time is up. */
        for (i = 0; i < PLACES; i++)
            if (clients[i].finisher != NULL && adieu_finisher_waits(clients[i].finisher).timeout_ms == 0)
                advance(&clients[i]);
    }
    for (i = 0; i < 16; i++)
        if (endings[i] > 0)
            printf("%s: %d\n", adieu_ending_name(i), endings[i]);
#ifdef _WIN32
    closesocket(listener);
    WSACleanup();
#else
    close(listener);
#endif
    return endings[ADIEU_ENDING_GRACEFUL] == most ? 0 : 1;
}
