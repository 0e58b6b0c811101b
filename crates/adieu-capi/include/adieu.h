/*
 * adieu.h: finishes network connections properly, and tells the truth about how they ended.
 *
 * A program has a connected socket and has sent everything. This is the rest:
 *
 *     adieu_report report = ADIEU_REPORT_INIT;
 *     int rc = adieu_finish(sock, NULL, &report);
 *     if (rc == 0 && report.ending == ADIEU_ENDING_GRACEFUL)
 *         puts("the peer's system has everything, and nothing was lost");
 *     char text[512];
 *     adieu_report_sentence(&report, text, sizeof text);
 *     puts(text);
 *
 * It shuts down the sending side, receives until the peer has ended too, waits until everything is
 * acknowledged, closes the socket, and reports. A program with an event loop of its own uses the
 * functions adieu_finisher_begin() to adieu_finisher_free() instead.
 *
 * The library has no global state, prints nothing and touches no signal. The only thing that it
 * allocates for its caller is a finisher. Errors are numbers (enum adieu_error), and no function
 * throws. Every function can be called from any thread; two threads must not use one socket or one
 * finisher at once.
 *
 * docs/c.md says how to build and link, and what each ending means for a program.
 *
 * `cargo xtask capi` makes this file from crates/adieu-capi. Do not change it by hand.
 */


#ifndef ADIEU_H
#define ADIEU_H

#include <stddef.h>
#include <stdint.h>

/// The version of this header; adieu_version() has that of the library.
#define ADIEU_VERSION "0.1.0"

/// A socket: what socket() returned. On Windows it is Winsock's SOCKET, without its header.
#ifdef _WIN32
typedef uintptr_t adieu_socket;
#else
typedef int adieu_socket;
#endif

/// No socket: -1, or INVALID_SOCKET.
#define ADIEU_NO_SOCKET ((adieu_socket)-1)

/// adieu_finisher_advance() returns this while the connection is not finished. It is not an error.
#define ADIEU_WAITING (-1)

/// The start value of an adieu_finish_options: the defaults.
#define ADIEU_FINISH_OPTIONS_INIT \
    { sizeof(adieu_finish_options), 0, 0, 0, NULL, NULL, ADIEU_AT_BOUND_RESET, ADIEU_ROLE_UNKNOWN }

/// The start value of an adieu_report: nothing is known.
#define ADIEU_REPORT_INIT { sizeof(adieu_report), ADIEU_ENDING_NONE, ADIEU_PHASE_NONE, ADIEU_ERROR_NONE, \
    ADIEU_CALL_NONE, 0, ADIEU_SIDE_NONE, ADIEU_TIMER_NONE, ADIEU_LOCAL_END_NONE, ADIEU_MISSING_NONE, \
    ADIEU_SIDE_NONE, ADIEU_ROLE_UNKNOWN, ADIEU_TRANSPORT_NONE, \
    ADIEU_FACT_UNKNOWN, ADIEU_FACT_UNKNOWN, ADIEU_FACT_UNKNOWN, ADIEU_FACT_UNKNOWN, \
    ADIEU_FACT_NO, ADIEU_FACT_NO, \
    ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, \
    ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, ADIEU_UNKNOWN, \
    "", "" }


/// A count or a time that is not known. It is never written as zero.
#define ADIEU_UNKNOWN UINT64_MAX

/// The longest address as text, with its terminating zero.
#define ADIEU_ADDRESS_SIZE 128

/// No bound, for the options that have one.
#define ADIEU_UNLIMITED UINT64_MAX

/// The deadline if none is given, in milliseconds: 30 s.
#define ADIEU_DEFAULT_DEADLINE_MS 30000

/// What a function returns: 0, or why it could not do what it was asked for. More may be added.
typedef enum adieu_error {
    /// No error. Of a function that finishes: the report is true, and the socket is closed.
    ADIEU_ERROR_NONE = 0,
    /// A pointer that may not be NULL is NULL, a struct has no size (use its _INIT), or an option
    /// has a value that does not exist.
    ADIEU_ERROR_INVALID_ARGUMENT = 1,
    /// The descriptor is not open (EBADF), or it is INVALID_SOCKET. It is the one error after which
    /// nothing was closed.
    ADIEU_ERROR_NOT_OPEN = 2,
    /// It is a file, a pipe or something else that is not a socket. Windows has the same error for
    /// a handle that is not open.
    ADIEU_ERROR_NOT_A_SOCKET = 3,
    /// It is a socket of datagrams, or of another kind that has no stream; or its stream is neither
    /// TCP's nor a Unix socket's.
    ADIEU_ERROR_NOT_A_STREAM = 4,
    /// It has no peer: it was never connected, it listens, or its connecting has not ended or has
    /// failed.
    ADIEU_ERROR_NOT_CONNECTED = 5,
    /// The program itself has shut down the receiving side (SHUT_RD), so how the peer ends cannot
    /// be seen. Linux, TCP.
    ADIEU_ERROR_RECEIVING_SHUT = 6,
    /// This system or transport does not tell, or an option is set that only a newer library has.
    ADIEU_ERROR_UNSUPPORTED = 7,
    /// The system refused a call, for example because it has no memory or no descriptors left.
    ADIEU_ERROR_SYSTEM = 8,
    /// A bug in adieu. The socket may be closed or not.
    ADIEU_ERROR_BUG = 9,
} adieu_error;

/// How a connection ended. More may be added, so a switch should have a default.
typedef enum adieu_ending {
    /// There is no report (yet).
    ADIEU_ENDING_NONE = 0,
    /// Both directions ended by EOF, the peer's TCP acknowledged every byte and our FIN, and there
    /// was no error up to the close. It does not say that the peer's program has processed
    /// anything: only an answer of the peer can.
    ADIEU_ENDING_GRACEFUL = 1,
    /// An RST ended it: see reset_by. What the peer had not read is lost.
    ADIEU_ENDING_RESET = 2,
    /// A bound passed: see timer. How much was not acknowledged is in bytes_unacknowledged.
    ADIEU_ENDING_TIMED_OUT = 3,
    /// Our own side failed, the peer is not to blame: see local_end.
    ADIEU_ENDING_LOCAL_FAILURE = 4,
    /// A fact that "graceful" needs could not be had: see missing. Everything may be well, and
    /// nobody can know.
    ADIEU_ENDING_INDETERMINATE = 5,
    /// There never was a connection on this socket.
    ADIEU_ENDING_NO_CONNECTION = 6,
} adieu_ending;

/// The part of the procedure in which the cause of the ending came.
typedef enum adieu_phase {
    /// There is no report (yet).
    ADIEU_PHASE_NONE = 0,
    /// There is no connection.
    ADIEU_PHASE_CONNECTING = 1,
    /// Our sending side was not yet shut down.
    ADIEU_PHASE_SENDING = 2,
    /// Our sending side was shut down, and the peer had not ended its own.
    ADIEU_PHASE_DRAINING = 3,
    /// Both sides had ended. Acknowledgements and the close were left.
    ADIEU_PHASE_CLOSING = 4,
} adieu_phase;

/// One of the two ends of a connection.
typedef enum adieu_side {
    /// Neither, or it is not known.
    ADIEU_SIDE_NONE = 0,
    /// This program.
    ADIEU_SIDE_US = 1,
    /// The other end.
    ADIEU_SIDE_PEER = 2,
} adieu_side;

/// The timer that ended a connection.
typedef enum adieu_timer {
    /// None did.
    ADIEU_TIMER_NONE = 0,
    /// deadline_ms: the bound on the whole.
    ADIEU_TIMER_DEADLINE = 1,
    /// idle_timeout_ms: the peer was silent.
    ADIEU_TIMER_IDLE = 2,
    /// The peer's system did not answer at all, not even probes.
    ADIEU_TIMER_DEAD_PEER = 3,
    /// What was sent was sent again and again and never acknowledged, while the peer's system went
    /// on talking.
    ADIEU_TIMER_UNACKNOWLEDGED = 4,
    /// Our kernel gave up by itself (ETIMEDOUT).
    ADIEU_TIMER_KERNEL = 5,
} adieu_timer;

/// What failed on our own side.
typedef enum adieu_local_end {
    /// Nothing did.
    ADIEU_LOCAL_END_NONE = 0,
    /// late_bytes returned an error.
    ADIEU_LOCAL_END_OUTPUT = 1,
    /// The system, or what was given is not a socket that can be finished.
    ADIEU_LOCAL_END_SOCKET = 2,
} adieu_local_end;

/// The fact that is missing of an indeterminate ending.
typedef enum adieu_missing {
    /// None is.
    ADIEU_MISSING_NONE = 0,
    /// The socket was closed before the peer had ended its side: ADIEU_AT_BOUND_CLOSE, after too
    /// many late bytes.
    ADIEU_MISSING_PEER_EOF = 1,
    /// This platform does not tell what was acknowledged.
    ADIEU_MISSING_ACKNOWLEDGEMENT = 2,
    /// SO_ERROR could not be read.
    ADIEU_MISSING_SOCKET_ERROR = 3,
    /// The connection was gone, and the reason was not reported. Linux reports it once: a recv() or
    /// send() of the program before may have been given it.
    ADIEU_MISSING_CAUSE = 4,
} adieu_missing;

/// The call that reported the first error.
typedef enum adieu_call {
    /// No call did.
    ADIEU_CALL_NONE = 0,
    /// connect()
    ADIEU_CALL_CONNECT = 1,
    /// recv()
    ADIEU_CALL_RECEIVE = 2,
    /// send()
    ADIEU_CALL_SEND = 3,
    /// shutdown()
    ADIEU_CALL_SHUTDOWN = 4,
    /// getsockopt(SO_ERROR)
    ADIEU_CALL_SOCKET_ERROR = 5,
    /// poll(), WSAPoll()
    ADIEU_CALL_POLL = 6,
} adieu_call;

/// Which side began a connection.
typedef enum adieu_role {
    /// The program did not say.
    ADIEU_ROLE_UNKNOWN = 0,
    /// This side connected.
    ADIEU_ROLE_CONNECT = 1,
    /// This side listened.
    ADIEU_ROLE_LISTEN = 2,
} adieu_role;

/// What carries the bytes of a connection.
typedef enum adieu_transport {
    /// There was no connection.
    ADIEU_TRANSPORT_NONE = 0,
    /// TCP.
    ADIEU_TRANSPORT_TCP = 1,
    /// Multipath TCP.
    ADIEU_TRANSPORT_MPTCP = 2,
    /// A Unix socket.
    ADIEU_TRANSPORT_UNIX = 3,
} adieu_transport;

/// A fact that is true, false or not known. Compare with one of these: as a condition alone, "not
/// known" would count as true.
typedef enum adieu_fact {
    /// Not known.
    ADIEU_FACT_UNKNOWN = -1,
    /// No.
    ADIEU_FACT_NO = 0,
    /// Yes.
    ADIEU_FACT_YES = 1,
} adieu_fact;

/// What is done when a bound is reached: the deadline, the idle timeout, the limit of late bytes.
typedef enum adieu_at_bound {
    /// The connection is reset: the peer learns that something is missing, and both systems free
    /// what they hold for it.
    ADIEU_AT_BOUND_RESET = 0,
    /// The socket is closed. Our system goes on delivering what was sent for a while, and answers
    /// what the peer still sends with a reset.
    ADIEU_AT_BOUND_CLOSE = 1,
} adieu_at_bound;

/// A connection that is being finished on the event loop of its program: adieu_finisher_begin()
/// makes one, and adieu_finisher_free() frees it.
typedef struct adieu_finisher adieu_finisher;

/// Takes bytes that the peer still sends while a connection is finished, in order.
///
/// It is called on the thread that called adieu_finish() or adieu_finisher_advance(), during that
/// call. `bytes` is valid until it returns. It returns 0 to go on. Anything else stops: the
/// connection is reset, and its ending is ADIEU_ENDING_LOCAL_FAILURE. A positive number is taken
/// for a system error (errno, GetLastError()) and in the report; a negative one says no more.
/// It must not throw, and must not leave by longjmp().
typedef int (*adieu_late_bytes)(void *user, const uint8_t *bytes, size_t length);

/// How a connection is finished. Begin with ADIEU_FINISH_OPTIONS_INIT, and change what is to be
/// different.
///
/// Zero is the default of every field. An option is never ignored: a program that sets one which only
/// a newer library has gets ADIEU_ERROR_UNSUPPORTED.
typedef struct adieu_finish_options {
    /// sizeof(adieu_finish_options): which version of this struct the program was compiled with.
    size_t size;
    /// The bound on the whole, in milliseconds. 0: ADIEU_DEFAULT_DEADLINE_MS. ADIEU_UNLIMITED: no
    /// bound, so a living peer that never ends its side is waited for forever.
    uint64_t deadline_ms;
    /// The bound on the peer's silence, in milliseconds: it sent nothing, took nothing and
    /// acknowledged nothing. 0 or ADIEU_UNLIMITED: none.
    uint64_t idle_timeout_ms;
    /// How many bytes the peer may still send. More are a bound that was reached. 0 or
    /// ADIEU_UNLIMITED: any number.
    uint64_t late_limit;
    /// Is given the bytes that the peer still sends. NULL: they are thrown away.
    adieu_late_bytes late_bytes;
    /// What late_bytes is called with.
    void *user;
    /// What is done at a bound: an enum adieu_at_bound.
    int32_t at_bound;
    /// Which side began the connection, for the report, because no system remembers it: an enum
    /// adieu_role.
    int32_t role;
} adieu_finish_options;

/// Everything known of one connection after its end. Begin with ADIEU_REPORT_INIT.
///
/// It is plain data: copy it, keep it, forget it. Counts and times begin with the call that
/// finishes; what the program sent and received before that is not in them. Times are microseconds
/// since then. A count or time that is not known is ADIEU_UNKNOWN, never zero; a fact that is not
/// known is ADIEU_FACT_UNKNOWN; an enum has the value 0 for "none".
typedef struct adieu_report {
    /// sizeof(adieu_report): which version of this struct the program was compiled with.
    size_t size;
    /// How the connection ended: an enum adieu_ending.
    int32_t ending;
    /// In which phase of the procedure the cause of the ending came: an enum adieu_phase.
    int32_t phase;
    /// What the call returned: an enum adieu_error. Where it is not 0 there was no connection that
    /// could be finished.
    int32_t error;
    /// The call that reported the first error: an enum adieu_call.
    int32_t error_call;
    /// The first error's number: errno, or WSAGetLastError(). 0: no error was reported.
    int32_t error_code;
    /// Of a reset: whose RST it was. An enum adieu_side.
    int32_t reset_by;
    /// Of a time-out: an enum adieu_timer.
    int32_t timer;
    /// Of a local failure: an enum adieu_local_end.
    int32_t local_end;
    /// Of an indeterminate ending: an enum adieu_missing.
    int32_t missing;
    /// Who ended its direction first: an enum adieu_side.
    int32_t ended_first;
    /// As the options said it: an enum adieu_role.
    int32_t role;
    /// An enum adieu_transport.
    int32_t transport;
    /// recv() returned 0 before any error was reported: an enum adieu_fact.
    int32_t eof_received;
    /// Our FIN was acknowledged: an enum adieu_fact. Unknown too if it was not sent.
    int32_t fin_acknowledged;
    /// SO_ERROR was read as clear up to the end: an enum adieu_fact.
    int32_t socket_error_clear;
    /// When we saw the peer's end, its TCP had acknowledged ours: an enum adieu_fact.
    int32_t peer_ended_after_us;
    /// Of the idle timeout: the peer went on sending meanwhile, and received nothing. An enum
    /// adieu_fact, never unknown.
    int32_t peer_spoke;
    /// What was received begins as TLS does: an enum adieu_fact, never unknown.
    int32_t looks_like_tls;
    /// Bytes received while the connection was finished.
    uint64_t bytes_received;
    /// Those of bytes_received that late_bytes has taken.
    uint64_t bytes_written;
    /// Those of bytes_received that were thrown away.
    uint64_t bytes_discarded;
    /// Bytes that the program had sent and that the peer's TCP had not acknowledged, at the last
    /// look.
    uint64_t bytes_unacknowledged;
    /// When finishing began, by this machine's clock: microseconds since 1970-01-01 UTC.
    uint64_t started_at_us;
    /// When the socket was taken over.
    uint64_t connected_us;
    /// When a byte was first received.
    uint64_t first_received_us;
    /// When our sending side was shut down.
    uint64_t shutdown_send_us;
    /// When recv() returned 0.
    uint64_t peer_eof_us;
    /// When everything was seen acknowledged, our FIN included.
    uint64_t acknowledged_us;
    /// When the ending was decided.
    uint64_t ended_us;
    /// When the socket was closed.
    uint64_t closed_us;
    /// The smoothed round-trip time at the end, in microseconds.
    uint64_t rtt_us;
    /// Segments that were sent again, over the whole connection.
    uint64_t retransmitted_segments;
    /// Our address: "127.0.0.1:80", "[::1]:80", "unix:/path". Empty: not known, or it has none.
    char local_address[ADIEU_ADDRESS_SIZE];
    /// The peer's address.
    char peer_address[ADIEU_ADDRESS_SIZE];
} adieu_report;

/// What a finisher waits for. It is laid out for poll(): { socket, events, 0 } is a struct pollfd,
/// or a WSAPOLLFD.
typedef struct adieu_waits {
    /// What to wait on. It is the socket, or while only acknowledgements are missing another
    /// descriptor (Linux); so it may change with each adieu_finisher_advance(). It belongs to the
    /// finisher. -1 or INVALID_SOCKET, which poll() skips: only the time is waited for.
    adieu_socket socket;
    /// POLLIN, POLLOUT, both or neither, as poll() has them; POLLRDNORM and POLLWRNORM on Windows.
    /// Level-triggered and edge-triggered are both right.
    short events;
    /// The longest time in milliseconds until the next call of adieu_finisher_advance(). -1: as
    /// long as no event comes. 0: call it at once.
    int timeout_ms;
} adieu_waits;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// Finishes a connection: shuts down the sending side, receives until the peer has ended too, waits
/// until everything is acknowledged, closes the socket, and reports how it ended.
///
/// Call it once everything was sent: our FIN says that the stream is whole. For a stream
/// that is not whole call adieu_abort(). It blocks, for 30 s at most
/// unless the options say otherwise. The socket may be blocking or not, half-closed already, reset
/// already, have unread or urgent data. It is a TCP or a Unix socket. On Windows the program has
/// called WSAStartup(), as it needs to for a socket; the library calls it for itself too.
///
/// `options` may be NULL for the defaults, and `report` may be NULL.
///
/// Returns 0: the report is true, whatever the ending is, and the socket is closed. Or an error,
/// which adieu_error_name() names: there was no connection that could be finished, and the report
/// says why. The socket is closed then too, except after ADIEU_ERROR_NOT_OPEN, and except on
/// Windows what is not a socket.
///
/// A descriptor with copies (dup(), fork()) is open until the last of them is closed. The
/// half-close holds for all of them.
///
/// Threads: any number at once, each with a socket of its own. Platforms: all; without Linux's or
/// Windows' evidence the best ending is ADIEU_ENDING_INDETERMINATE.
/// Source: RFC 9293, section 3.6; Winsock's "Graceful Shutdown, Linger Options, and Socket
/// Closure".
int adieu_finish(adieu_socket socket, const struct adieu_finish_options *options, struct adieu_report *report);

/// Begins to finish a connection on the event loop of the program: no thread, and no call blocks.
///
/// The loop calls adieu_finisher_advance(), waits as adieu_finisher_waits() says, and calls
/// adieu_finisher_advance() again, until that returns 0. The socket becomes non-blocking and
/// belongs to the finisher. Nothing is sent before the first adieu_finisher_advance().
///
/// `options` may be NULL for the defaults; they are copied. What `user` leads to must live as long
/// as the finisher.
///
/// Returns 0, and the finisher in *finisher, for adieu_finisher_free(). Or an error: *finisher is
/// NULL, and the socket is closed, except after ADIEU_ERROR_NOT_OPEN, and except on Windows what is
/// not a socket.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
int adieu_finisher_begin(adieu_socket socket, const struct adieu_finish_options *options, struct adieu_finisher **finisher);

/// Goes as far as it can without waiting.
///
/// Returns 0: the connection is finished, its socket is closed, and *report is true; to call it
/// again gives the same. Or ADIEU_WAITING: wait as adieu_finisher_waits() says, and call it again.
/// Or an error. `report` may be NULL. The time is the system's monotonic clock's.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
int adieu_finisher_advance(struct adieu_finisher *finisher, struct adieu_report *report);

/// Tells what a finisher waits for, after adieu_finisher_advance() returned ADIEU_WAITING. NULL, or
/// one that has ended, waits for nothing: its timeout is 0.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
struct adieu_waits adieu_finisher_waits(const struct adieu_finisher *finisher);

/// Resets the connection on purpose: the peer sees an error, and what it has not received is lost.
///
/// Returns 0, and the report in *report, which may be NULL; or an error. If the connection is
/// finished already, it changes nothing and gives the same report again. The finisher is to be freed
/// as usual.
///
/// Threads: any; one finisher is used by one thread at a time. Platforms: all.
int adieu_finisher_abort(struct adieu_finisher *finisher, struct adieu_report *report);

/// Frees a finisher. NULL is none.
///
/// A finisher that is freed before its end closes its socket. If our sending side is shut down
/// already, the system goes on delivering what was sent; otherwise the peer sees a reset.
/// adieu_finisher_abort() resets in any case.
///
/// Threads: any. Platforms: all.
void adieu_finisher_free(struct adieu_finisher *finisher);

/// Resets a connection on purpose, and closes the socket.
///
/// The peer's program gets an error (ECONNRESET) and cannot take what it has for the whole. Use it
/// for a stream that must not look complete, where adieu_finish() would say that everything was
/// sent. What the peer has not acknowledged is lost. The call sets SO_LINGER to zero and closes the
/// socket; it does not block. A Unix socket has no reset: it is closed.
///
/// Returns 0, or an error. The socket is closed in either case, except after ADIEU_ERROR_NOT_OPEN,
/// and except on Windows what is not a socket.
///
/// Threads: any; not while another thread uses the same socket. Platforms: all.
/// Source: RFC 9293, section 3.10.5 (ABORT); socket(7), SO_LINGER; Winsock's closesocket.
int adieu_abort(adieu_socket socket);

/// Tells how many bytes were sent on a socket and not acknowledged by the peer's TCP.
/// Our FIN is not counted.
///
/// Zero says that the peer's system has every byte. Whether the peer's program has read them, only
/// an answer of that program can say. The socket stays open and as it was.
///
/// Returns 0, and the number in *bytes; or an error, and *bytes is ADIEU_UNKNOWN.
/// ADIEU_ERROR_UNSUPPORTED: the socket is a Unix socket, whose bytes are never acknowledged; or the
/// connection is over, and the system no longer tells whether our FIN is among the octets that were
/// not acknowledged (the report of adieu_finish() has the number); or the system does not tell.
///
/// Threads: any. Platforms: Linux, macOS, FreeBSD, NetBSD; OpenBSD once our FIN is acknowledged.
/// Elsewhere always an error. It was never run but on Linux.
/// Source: tcp(7), SIOCOUTQ; FIONWRITE of FreeBSD and NetBSD; TCP_CONNECTION_INFO of macOS.
int adieu_unacknowledged(adieu_socket socket, uint64_t *bytes);

/// Writes a report as one sentence for people: the ending, then the numbers.
///
/// As with snprintf(), what does not fit into `size` bytes is cut, the text is terminated in any
/// case (if `size` is not 0), and the length of the whole text is returned, without its terminating
/// zero. `text` may be NULL if `size` is 0. The text is UTF-8 in one line; bytes of an address that
/// cannot be printed are escaped. Before the report is filled in, the text is "there is no report".
///
/// Threads: any. Platforms: all.
size_t adieu_report_sentence(const struct adieu_report *report, char *text, size_t size);

/// Writes a report as JSON in one line: the object that docs/report.schema.json describes, and that
/// the program adieu prints with --report json.
///
/// The length, the cut and the terminating zero are as with adieu_report_sentence(). A report
/// that was not filled in yet gives "null".
///
/// Threads: any. Platforms: all.
size_t adieu_report_json(const struct adieu_report *report, char *text, size_t size);

/// The name of an enum adieu_ending: "graceful", "reset", "timed_out", "local_failure",
/// "indeterminate", "no_connection", or "none"; "unknown" for any other number.
///
/// The text is constant and never freed. Threads: any. Platforms: all.
const char *adieu_ending_name(int ending);

/// The name of an enum adieu_error: "none", "not_connected", "not_a_socket" and so on; "unknown"
/// for any other number.
///
/// The text is constant and never freed. Threads: any. Platforms: all.
const char *adieu_error_name(int error);

/// The version of the library that is linked, such as "0.1.0". ADIEU_VERSION is that of the header.
///
/// The text is constant and never freed. Threads: any. Platforms: all.
const char *adieu_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ADIEU_H */
