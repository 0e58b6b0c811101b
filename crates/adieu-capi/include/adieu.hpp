// adieu.hpp: adieu for C++17. Who owns what is in the types; the rest is adieu.h.
//
//     adieu::socket socket(sock);
//     adieu::report report = std::move(socket).finish();
//     if (!report.is_graceful())
//         std::cerr << report.sentence() << '\n';
//
// Everything is inline, so a program links what a C program links. Errors are thrown as adieu::error; endings are data.

#ifndef ADIEU_HPP
#define ADIEU_HPP

#include "adieu.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace adieu {

/// There was no connection that could be finished, or an argument makes no sense: an enum adieu_error.
class error : public std::runtime_error {
public:
    explicit error(int code) : std::runtime_error(std::string("adieu: ") + adieu_error_name(code)), code_(code) {}

    int code() const noexcept { return code_; }

private:
    int code_;
};

/// How one connection ended.
class report {
public:
    /// No report yet.
    report() noexcept : facts_ ADIEU_REPORT_INIT {}

    /// Both directions ended by EOF, everything was acknowledged, and there was no error.
    bool is_graceful() const noexcept { return facts_.ending == ADIEU_ENDING_GRACEFUL; }

    adieu_ending ending() const noexcept { return static_cast<adieu_ending>(facts_.ending); }

    /// One sentence for people.
    std::string sentence() const { return text(adieu_report_sentence); }

    /// One line of JSON; docs/report.schema.json describes it.
    std::string json() const { return text(adieu_report_json); }

    /// Every fact.
    const adieu_report &facts() const noexcept { return facts_; }

    /// Where a function of adieu.h writes its report.
    adieu_report *out() noexcept { return &facts_; }

private:
    template <typename Writer>
    std::string text(Writer write) const
    {
        std::string text(write(&facts_, nullptr, 0), '\0');
        // A std::string has room for the terminating zero behind its end, and it may be written as such.
        write(&facts_, text.data(), text.size() + 1);
        return text;
    }

    adieu_report facts_;
};

/// How a connection is finished. What is not set is the default: see adieu_finish_options.
class options {
public:
    /// Takes bytes that the peer still sends. What it throws is thrown again by the call that finishes, and the connection is reset.
    using sink = std::function<void(const std::uint8_t *bytes, std::size_t length)>;

    /// The bound on the whole. Default: 30 s.
    options &deadline(std::chrono::milliseconds bound) { return set(options_.deadline_ms, bound); }

    /// No bound on the whole: a peer that lives and never ends its side is waited for for ever.
    options &no_deadline()
    {
        options_.deadline_ms = ADIEU_UNLIMITED;
        return *this;
    }

    /// The bound on the peer's silence. Default: none.
    options &idle_timeout(std::chrono::milliseconds bound) { return set(options_.idle_timeout_ms, bound); }

    /// How many bytes the peer may still send, at least 1. Default: any number.
    options &late_limit(std::uint64_t bytes)
    {
        options_.late_limit = bytes == 0 ? 1 : bytes;
        return *this;
    }

    /// What takes the bytes that the peer still sends. Default: they are thrown away.
    options &late_bytes(sink take)
    {
        sink_ = std::move(take);
        return *this;
    }

    /// What is done at a bound. Default: a reset.
    options &at_bound(adieu_at_bound what) noexcept
    {
        options_.at_bound = what;
        return *this;
    }

    /// Which side began the connection, for the report.
    options &role(adieu_role which) noexcept
    {
        options_.role = which;
        return *this;
    }

private:
    friend class socket;
    friend class finisher;

    /// A zero would be the default, and not a bound that has passed already.
    options &set(std::uint64_t &field, std::chrono::milliseconds bound)
    {
        field = bound.count() > 0 ? static_cast<std::uint64_t>(bound.count()) : 1;
        return *this;
    }

    adieu_finish_options options_ ADIEU_FINISH_OPTIONS_INIT;
    sink sink_;
};

namespace detail {

/// A sink as C calls it. No exception may go through C, so it is kept.
class callback {
public:
    explicit callback(options::sink sink) : sink_(std::move(sink)) {}

    void set_in(adieu_finish_options &options) noexcept
    {
        if (sink_) {
            options.late_bytes = &callback::call;
            options.user = this;
        }
    }

    void rethrow()
    {
        if (thrown_)
            std::rethrow_exception(std::exchange(thrown_, nullptr));
    }

private:
    static int call(void *user, const std::uint8_t *bytes, std::size_t length) noexcept
    {
        callback &self = *static_cast<callback *>(user);
        try {
            self.sink_(bytes, length);
            return 0;
        } catch (...) {
            self.thrown_ = std::current_exception();
            return -1;
        }
    }

    options::sink sink_;
    std::exception_ptr thrown_;
};

} // namespace detail

/// A connected socket that this owns. Move-only.
///
/// It is finished by finish(). Destroyed before that it is reset: what it has sent is not known to be the whole, and the peer must not take
/// it for that.
class socket {
public:
    socket() noexcept = default;
    explicit socket(adieu_socket raw) noexcept : raw_(raw) {}
    socket(socket &&other) noexcept : raw_(other.release()) {}
    socket &operator=(socket &&other) noexcept
    {
        if (this != &other) {
            reset();
            raw_ = other.release();
        }
        return *this;
    }
    socket(const socket &) = delete;
    socket &operator=(const socket &) = delete;
    ~socket() { reset(); }

    /// For send(), recv() and poll(). It stays owned.
    adieu_socket get() const noexcept { return raw_; }
    explicit operator bool() const noexcept { return raw_ != ADIEU_NO_SOCKET; }

    /// Gives the socket away.
    adieu_socket release() noexcept { return std::exchange(raw_, ADIEU_NO_SOCKET); }

    /// Resets the connection on purpose, and closes the socket.
    void reset() noexcept
    {
        if (raw_ != ADIEU_NO_SOCKET)
            adieu_abort(release());
    }

    /// Finishes the connection, closes the socket, and tells how it ended. It blocks, for 30 s at most unless the options say otherwise.
    ///
    /// Throws adieu::error if there is no connection that can be finished, and what the sink of late bytes threw.
    report finish(const options &how = options()) &&
    {
        detail::callback callback(how.sink_);
        adieu_finish_options options = how.options_;
        callback.set_in(options);
        report done;
        const int code = adieu_finish(release(), &options, done.out());
        callback.rethrow();
        if (code != ADIEU_ERROR_NONE)
            throw error(code);
        return done;
    }

private:
    adieu_socket raw_ = ADIEU_NO_SOCKET;
};

/// Finishes a connection on the event loop of the program. Move-only; one thread at a time uses it.
///
///     adieu::finisher finisher{adieu::socket(sock)}; // with parentheses it would declare a function
class finisher {
public:
    /// Takes the socket over. Throws adieu::error if there is no connection that can be finished; the socket is closed then.
    explicit finisher(socket &&given, const options &how = options())
        : callback_(std::make_unique<detail::callback>(how.sink_))
    {
        adieu_finish_options options = how.options_;
        callback_->set_in(options);
        adieu_finisher *made = nullptr;
        const int code = adieu_finisher_begin(given.release(), &options, &made);
        if (code != ADIEU_ERROR_NONE)
            throw error(code);
        raw_.reset(made);
    }

    /// Goes as far as it can without waiting. Nothing: wait as waits() says, and call it again.
    std::optional<report> advance()
    {
        report done;
        const int code = adieu_finisher_advance(raw_.get(), done.out());
        callback_->rethrow();
        if (code == ADIEU_WAITING)
            return std::nullopt;
        if (code != ADIEU_ERROR_NONE)
            throw error(code);
        return done;
    }

    /// What to poll, and how long at most.
    adieu_waits waits() const noexcept { return adieu_finisher_waits(raw_.get()); }

    /// Resets the connection on purpose.
    report abort()
    {
        report done;
        const int code = adieu_finisher_abort(raw_.get(), done.out());
        if (code != ADIEU_ERROR_NONE)
            throw error(code);
        return done;
    }

private:
    struct freed {
        void operator()(adieu_finisher *finisher) const noexcept { adieu_finisher_free(finisher); }
    };

    /// It must not move while the finisher lives, so it stands apart.
    std::unique_ptr<detail::callback> callback_;
    std::unique_ptr<adieu_finisher, freed> raw_;
};

/// How many bytes were sent and not acknowledged by the peer's TCP. Nothing: that cannot be known of this socket, or on this system.
inline std::optional<std::uint64_t> unacknowledged(adieu_socket socket) noexcept
{
    std::uint64_t bytes = 0;
    if (adieu_unacknowledged(socket, &bytes) != ADIEU_ERROR_NONE)
        return std::nullopt;
    return bytes;
}

} // namespace adieu

#endif
