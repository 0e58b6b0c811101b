//! The library's behaviour on real sockets. What both drivers promise is written once, in words of [`arms`].

mod arms;
mod connecting;
mod endings;
mod procedure;
mod properties;
mod proxies;
mod socket_options;
mod timers;
mod tokio_only;
