/* The client of the Winsock pages "Complete Winsock Client Code" and "Disconnecting the Client", for POSIX too. Its last part, which is
 * there shutdown(), a loop of recv() and closesocket(), is one call to adieu_finish().
 *
 * Usage: client SERVER PORT. Its exit status is 0 if the server's answer is whole and the ending is graceful. */
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#define close closesocket
#else
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#endif

#include <adieu.h>
#include <stdio.h>
#include <string.h>

/* Is given what the server still sends. */
static int print(void *user, const uint8_t *bytes, size_t length)
{
    size_t *received = (size_t *)user;
    *received += length;
    return fwrite(bytes, 1, length, stdout) == length ? 0 : -1;
}

int main(int argc, char **argv)
{
    static const char text[] = "this is a test";
    const size_t length = sizeof text - 1;
    struct addrinfo hints, *found = NULL, *each;
    adieu_socket server = ADIEU_NO_SOCKET;
    adieu_finish_options options = ADIEU_FINISH_OPTIONS_INIT;
    adieu_report report = ADIEU_REPORT_INIT;
    char sentence[512];
    size_t received = 0;
    int error;

    if (argc != 3) {
        fprintf(stderr, "usage: client SERVER PORT\n");
        return 2;
    }
#ifdef _WIN32
    {
        WSADATA data;
        error = WSAStartup(MAKEWORD(2, 2), &data);
        if (error != 0) {
            fprintf(stderr, "WSAStartup failed: %d\n", error);
            return 1;
        }
    }
#endif

    /* Each address of the server is tried. */
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    error = getaddrinfo(argv[1], argv[2], &hints, &found);
    if (error != 0) {
        fprintf(stderr, "getaddrinfo failed: %d\n", error);
        return 1;
    }
    for (each = found; each != NULL && server == ADIEU_NO_SOCKET; each = each->ai_next) {
        server = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (server != ADIEU_NO_SOCKET && connect(server, each->ai_addr, (int)each->ai_addrlen) != 0) {
            close(server);
            server = ADIEU_NO_SOCKET;
        }
    }
    freeaddrinfo(found);
    if (server == ADIEU_NO_SOCKET) {
        fprintf(stderr, "no address of the server could be connected to\n");
        return 1;
    }

    if (send(server, text, (int)length, 0) != (int)length) {
        fprintf(stderr, "send failed\n");
        /* What was sent is not the whole, and must not look like it. */
        adieu_abort(server);
        return 1;
    }

    /* Disconnecting the client. */
    options.late_bytes = print;
    options.user = &received;
    options.role = ADIEU_ROLE_CONNECT;
    error = adieu_finish(server, &options, &report);

    adieu_report_sentence(&report, sentence, sizeof sentence);
    fprintf(stderr, "%s\n", sentence);
#ifdef _WIN32
    WSACleanup();
#endif
    return error == 0 && report.ending == ADIEU_ENDING_GRACEFUL && received == length ? 0 : 1;
}
