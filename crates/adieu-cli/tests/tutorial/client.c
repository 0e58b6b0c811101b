/* A client in the manner of the Winsock pages "Complete Winsock Client Code" and "Disconnecting the Client": every address
 * of the server is tried, a text is sent, the sending side is shut down, and the answer is received until the server has
 * ended too. Usage: client SERVER PORT. It prints each step; its exit status is 0 if all of them went well. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *call)
{
    printf("%s failed: %d\n", call, WSAGetLastError());
    return 1;
}

int main(int argc, char **argv)
{
    static const char text[] = "this is a test";
    struct addrinfo hints, *found = NULL, *each;
    SOCKET server = INVALID_SOCKET;
    WSADATA data;
    char buffer[512];
    int error, n, status = 1, received = 0;

    if (argc != 3) {
        printf("usage: client SERVER PORT\n");
        return 2;
    }
    error = WSAStartup(MAKEWORD(2, 2), &data);
    if (error != 0) {
        printf("WSAStartup failed: %d\n", error);
        return 1;
    }
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    error = getaddrinfo(argv[1], argv[2], &hints, &found);
    if (error != 0) {
        printf("getaddrinfo failed: %d\n", error);
        WSACleanup();
        return 1;
    }
    for (each = found; each != NULL; each = each->ai_next) {
        server = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (server == INVALID_SOCKET)
            continue;
        if (connect(server, each->ai_addr, (int)each->ai_addrlen) != SOCKET_ERROR)
            break;
        closesocket(server);
        server = INVALID_SOCKET;
    }
    freeaddrinfo(found);
    if (server == INVALID_SOCKET) {
        printf("no address of the server could be connected to\n");
        WSACleanup();
        return 1;
    }
    if (send(server, text, (int)strlen(text), 0) == SOCKET_ERROR) {
        failed("send");
        goto close;
    }
    printf("bytes sent: %d\n", (int)strlen(text));
    if (shutdown(server, SD_SEND) == SOCKET_ERROR) {
        failed("shutdown");
        goto close;
    }
    do {
        n = recv(server, buffer, sizeof buffer, 0);
        if (n > 0) {
            printf("bytes received: %d\n", n);
            if (received + n > (int)strlen(text) || memcmp(text + received, buffer, n) != 0)
                printf("they are not those that were sent\n");
            received += n;
        } else if (n == 0) {
            printf("connection closed\n");
            status = received == (int)strlen(text) ? 0 : 3;
        } else {
            failed("recv");
        }
    } while (n > 0);
close:
    closesocket(server);
    WSACleanup();
    return status;
}
