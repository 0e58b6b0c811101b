/* A server in the manner of the Winsock page "Complete Winsock Server Code": it accepts one client, sends back what it
 * receives until the client has ended, and shuts down its own sending side then. Usage: server. It prints the port that it
 * listens on, then each step; its exit status is 0 if all of them went well. */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *call)
{
    printf("%s failed: %d\n", call, WSAGetLastError());
    return 1;
}

int main(void)
{
    struct addrinfo hints, *own = NULL;
    struct sockaddr_in bound;
    int length = sizeof bound, error, n, status = 1;
    SOCKET listener, client;
    WSADATA data;
    char buffer[512];

    error = WSAStartup(MAKEWORD(2, 2), &data);
    if (error != 0) {
        printf("WSAStartup failed: %d\n", error);
        return 1;
    }
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    error = getaddrinfo("127.0.0.1", "0", &hints, &own);
    if (error != 0) {
        printf("getaddrinfo failed: %d\n", error);
        WSACleanup();
        return 1;
    }
    listener = socket(own->ai_family, own->ai_socktype, own->ai_protocol);
    if (listener == INVALID_SOCKET || bind(listener, own->ai_addr, (int)own->ai_addrlen) == SOCKET_ERROR
        || listen(listener, SOMAXCONN) == SOCKET_ERROR
        || getsockname(listener, (struct sockaddr *)&bound, &length) == SOCKET_ERROR) {
        failed("listening");
        freeaddrinfo(own);
        WSACleanup();
        return 1;
    }
    freeaddrinfo(own);
    printf("listening on 127.0.0.1:%d\n", ntohs(bound.sin_port));
    fflush(stdout);
    client = accept(listener, NULL, NULL);
    closesocket(listener);
    if (client == INVALID_SOCKET) {
        failed("accept");
        WSACleanup();
        return 1;
    }
    do {
        n = recv(client, buffer, sizeof buffer, 0);
        if (n > 0) {
            printf("bytes received: %d\n", n);
            if (send(client, buffer, n, 0) == SOCKET_ERROR) {
                failed("send");
                goto close;
            }
        } else if (n == 0) {
            printf("connection closing\n");
        } else {
            failed("recv");
            goto close;
        }
    } while (n > 0);
    if (shutdown(client, SD_SEND) == SOCKET_ERROR)
        failed("shutdown");
    else
        status = 0;
close:
    closesocket(client);
    WSACleanup();
    return status;
}
