//! Errors as values: they are compared whole, cloned, printed on one line, and lead to what the system said.

use crate::arms::on_both;
use adieu::{
    Address, Attempt, AttemptError, ConnectCause, ConnectOptions, Endpoint, EndpointError, ListenCause,
    ListenOptions, Listener, OptionError, SocketOptions, SystemError, Tried,
};
use adieu_testkit::places;
use std::error::Error;
use std::net::{SocketAddr, TcpListener, TcpStream};

/// What the library makes of an error that std's socket was told.
fn told(error: &std::io::Error) -> SystemError {
    let code = error.raw_os_error();
    SystemError::new(code, code.and_then(adieu::error_name), adieu::describe_error(error))
}

#[test]
fn why_there_is_no_connection_is_a_value() {
    on_both(|arm| {
        let (refusing, _held) = places::refusing(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback");
        let refused = told(&TcpStream::connect(refusing).expect_err("nothing listens there"));
        let attempt = Attempt {
            tried: Tried::Address(Address::from(refusing)),
            error: AttemptError::Failed(refused.clone()),
        };
        for (endpoint, options, cause) in [
            (Endpoint::from(refusing), ConnectOptions::new(), ConnectCause::Attempts(vec![attempt])),
            (
                Endpoint::tcp("127.0.0.1", 0),
                ConnectOptions::new(),
                ConnectCause::Endpoint(EndpointError::PortZero),
            ),
            (
                Endpoint::unix("nowhere"),
                ConnectOptions::new().socket(SocketOptions::new().ttl(3)),
                ConnectCause::Option(OptionError::Meaningless { option: "ttl" }),
            ),
        ] {
            let error = arm.connect(&endpoint, &options).err().expect("it cannot be");
            assert_eq!((error.cause(), error.endpoint()), (&cause, &endpoint));
            assert_eq!(error.clone(), error);
            let source = error.source().expect("its cause");
            assert_eq!(source.downcast_ref(), Some(&cause));
        }
    });
}

// What Wine's resolver says of such an address is its own.
#[cfg(unix)]
#[test]
fn why_a_name_has_no_address_is_a_value() {
    use adieu::ResolveError;
    on_both(|arm| {
        let endpoint = Endpoint::tcp("fe80::1%nosuch0", 80);
        let error = arm.connect(&endpoint, &ConnectOptions::new()).err().expect("it is no interface");
        let cause = ConnectCause::Resolve(ResolveError::UnknownZone { zone: "nosuch0".into() });
        assert_eq!(error.cause(), &cause);
    });
}

#[test]
fn an_error_prints_itself_on_one_line_and_not_its_report() {
    on_both(|arm| {
        let (refusing, _held) = places::refusing(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback");
        let error = arm.connect(&refusing.into(), &ConnectOptions::new()).err().expect("refused");
        let printed = format!("{error:?}");
        assert_eq!(printed, format!("ConnectError({error})"));
        assert!(printed.len() < 120 && !printed.contains('\n'), "{printed}");
        let cause = format!("{:?}", error.cause());
        assert!(cause.len() < 160 && !cause.contains('\n'), "{cause}");
    });
}

#[test]
fn why_nobody_can_be_listened_for_is_a_value() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = taken.local_addr().expect("bound");
    let in_use = told(&TcpListener::bind(address).expect_err("it is taken"));
    let error = Listener::bind(&address.into(), &ListenOptions::new()).expect_err("it is taken");
    // SO_EXCLUSIVEADDRUSE, which std's listener has not, is told another error.
    if cfg!(unix) {
        assert_eq!(error.cause(), &ListenCause::Listen(in_use.clone()));
        let source = error.source().and_then(Error::source).expect("what the system said");
        assert_eq!(source.downcast_ref(), Some(&in_use));
    }
    assert_eq!(error.clone(), error);
    assert_eq!(format!("{error:?}"), format!("ListenError({error})"));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_a_value() {
    use adieu::tls::{Client, ConfigError};
    let path = std::path::Path::new("/nowhere/ca.pem");
    let error = Client::new().ca_file(path).build().expect_err("it is not there");
    let source = told(&std::fs::read(path).expect_err("it is not there"));
    assert_eq!(error, ConfigError::Unreadable { path: path.to_owned(), source: source.clone() });
    assert_eq!(error.source().and_then(|source| source.downcast_ref()), Some(&source));
}

// Wine tells no reset: adieu_testkit::scenario::platforms.
#[cfg(not(windows))]
#[test]
fn a_handshake_that_was_reset_leads_to_what_the_system_said() {
    use adieu::tls::{Client, Failure};
    use adieu_testkit::tls::peer::{Peer, Setup, Step};
    on_both(|arm| {
        let peer = Peer::listen(Setup::PLAIN, &[Step::Reset]).expect("loopback");
        let client = Client::new().insecure().build().expect("no files");
        let error = arm.connect(&peer.address().into(), &ConnectOptions::new().tls(client)).err();
        let error = error.expect("it is reset");
        let ConnectCause::Tls(failed) = error.cause() else { panic!("{error}") };
        assert_eq!(failed.failure(), Failure::Reset, "{error}");
        let source = failed.source().and_then(|source| source.downcast_ref::<SystemError>());
        assert_eq!(source.and_then(|source| source.name.as_deref()), Some("ECONNRESET"), "{error}");
    });
}
