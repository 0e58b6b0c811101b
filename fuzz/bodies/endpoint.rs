//! Any text as an endpoint: what is taken is shown as it can be taken again, and nothing panics.

pub(crate) fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(endpoint) = text.parse::<adieu::Endpoint>() {
        let shown = endpoint.to_string();
        assert_eq!(shown.parse(), Ok(endpoint), "{text:?} is shown as {shown:?}");
    }
    if let Some((host, port)) = text.split_once(' ') {
        // A host that is taken need not be one that exists, but it must be one that is shown.
        if let Ok(endpoint) = adieu::Endpoint::from_host_and_port(host, port) {
            assert!(endpoint.to_string().parse::<adieu::Endpoint>().is_ok(), "{host:?} {port:?}");
        }
    }
}
