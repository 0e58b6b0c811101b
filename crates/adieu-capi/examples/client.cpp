// The same client as client.c in C++: the socket is owned, and nothing is left open or half-said whatever is thrown.
//
// Usage: client SERVER PORT. Its exit status is 0 if the server's answer is whole and the ending is graceful.
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <netdb.h>
#include <sys/socket.h>
#include <sys/types.h>
#endif

#include <adieu.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

static adieu::socket connect_to(const char *server, const char *port)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo *found = nullptr;
    if (getaddrinfo(server, port, &hints, &found) != 0)
        throw std::runtime_error("there is no such server");
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> freed(found, &freeaddrinfo);
    for (const addrinfo *each = found; each != nullptr; each = each->ai_next) {
        adieu::socket socket(::socket(each->ai_family, each->ai_socktype, each->ai_protocol));
        if (socket && connect(socket.get(), each->ai_addr, static_cast<int>(each->ai_addrlen)) == 0)
            return socket;
    }
    throw std::runtime_error("no address of the server could be connected to");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::cerr << "usage: client SERVER PORT\n";
        return 2;
    }
#ifdef _WIN32
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return 1;
#endif
    try {
        const std::string text = "this is a test";
        adieu::socket server = connect_to(argv[1], argv[2]);
        if (send(server.get(), text.data(), static_cast<int>(text.size()), 0) != static_cast<int>(text.size()))
            throw std::runtime_error("send failed"); // and the server sees a reset
        std::string answer;
        const adieu::report report =
            std::move(server).finish(adieu::options().role(ADIEU_ROLE_CONNECT).late_bytes(
                [&answer](const std::uint8_t *bytes, std::size_t length) {
                    answer.append(reinterpret_cast<const char *>(bytes), length);
                }));
        std::cout << answer;
        std::cerr << report.sentence() << '\n';
        return report.is_graceful() && answer == text ? 0 : 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
