//! Any text as a duration: what is taken is one that a timer can have, and nothing panics.

#[path = "../../crates/adieu-cli/src/options/durations.rs"]
mod durations;

pub(crate) fn holds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(limit) = durations::limit(text) {
        assert!(!limit.is_zero(), "{text:?} bounds nothing");
        let shown = humantime::format_duration(limit).to_string();
        assert_eq!(durations::limit(&shown).ok(), Some(limit), "{text:?} is shown as {shown:?}");
    }
    if let Ok(limit) = durations::limit_or_none(text) {
        assert!(limit.limit().is_none_or(|limit| !limit.is_zero()), "{text:?}");
    }
    if let Ok(durations::Grace::For(grace)) = durations::grace(text) {
        assert!(grace.is_zero() || durations::limit(text).is_ok(), "{text:?}");
    }
}
