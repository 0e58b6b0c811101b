// The C++ header: who owns a socket, what is thrown, and texts.
#define _POSIX_C_SOURCE 200809L
#include "net.h"

#include <adieu.hpp>

#include <type_traits>

static_assert(!std::is_copy_constructible_v<adieu::socket> && std::is_nothrow_move_constructible_v<adieu::socket>);
static_assert(!std::is_copy_constructible_v<adieu::finisher> && std::is_move_constructible_v<adieu::finisher>);
static_assert(std::is_trivially_copyable_v<adieu::report>);

static adieu::socket ended_peer(adieu_socket &peer, const char *late)
{
    adieu_socket ends[2];
    make_pair(ends);
    send_text(ends[1], late);
    check(shutdown(ends[1], SHUT_WR) == 0);
    peer = ends[1];
    return adieu::socket(ends[0]);
}

static void one_call()
{
    adieu_socket peer;
    std::string late;
    adieu::socket socket = ended_peer(peer, "late");
    const adieu_socket raw = socket.get();
    const adieu::report report = std::move(socket).finish(
        adieu::options().role(ADIEU_ROLE_LISTEN).late_bytes([&late](const std::uint8_t *bytes, std::size_t length) {
            late.append(reinterpret_cast<const char *>(bytes), length);
        }));
    check(report.is_graceful() && report.ending() == ADIEU_ENDING_GRACEFUL && late == "late");
    check(report.sentence().rfind("graceful: 4 bytes received", 0) == 0);
    check(report.json().front() == '{' && report.json().back() == '}');
    check(report.facts().role == ADIEU_ROLE_LISTEN && !is_open(raw));
    close_socket(peer);
    check(adieu::report().sentence() == "there is no report");
}

static void a_socket_that_is_not_finished_is_reset()
{
    adieu_socket ends[2];
    make_pair(ends);
    {
        adieu::socket socket(ends[0]);
        adieu::socket moved(std::move(socket));
        check(!socket && moved.get() == ends[0]);
    }
    check(!is_open(ends[0]) && reset_seen_by(ends[1]));
    close_socket(ends[1]);
}

static void what_is_thrown()
{
    adieu_socket peer;
    bool thrown = false;
    try {
        adieu::socket(socket(AF_INET, SOCK_STREAM, 0)).finish();
    } catch (const adieu::error &error) {
        thrown = error.code() == ADIEU_ERROR_NOT_CONNECTED && std::string(error.what()) == "adieu: not_connected";
    }
    check(thrown);

    thrown = false;
    const auto refuses = [](const std::uint8_t *, std::size_t) { throw std::runtime_error("full"); };
    try {
        ended_peer(peer, "late").finish(adieu::options().late_bytes(refuses));
    } catch (const std::runtime_error &error) {
        thrown = std::string(error.what()) == "full";
    }
    check(thrown && reset_seen_by(peer));
    close_socket(peer);
}

static void on_a_loop()
{
    adieu_socket peer;
    std::size_t late = 0;
    adieu::finisher begun(
        ended_peer(peer, "late"),
        adieu::options().no_deadline().late_bytes([&late](const std::uint8_t *, std::size_t length) { late += length; }));
    adieu::finisher finisher(std::move(begun));
    std::optional<adieu::report> report;
    while (!(report = finisher.advance())) {
        const adieu_waits waits = finisher.waits();
#ifdef _WIN32
        Sleep(waits.timeout_ms < 0 ? 1 : static_cast<DWORD>(waits.timeout_ms));
#else
        pollfd one = { waits.socket, waits.events, 0 };
        check(poll(&one, 1, waits.timeout_ms) >= 0);
#endif
    }
    check(report->is_graceful() && late == 4 && finisher.advance()->is_graceful());
    check(finisher.abort().is_graceful());
    close_socket(peer);
}

int main()
{
    start_network();
    one_call();
    a_socket_that_is_not_finished_is_reset();
    what_is_thrown();
    on_a_loop();
    check(!adieu::unacknowledged(ADIEU_NO_SOCKET));
    return 0;
}
