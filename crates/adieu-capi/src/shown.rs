//! A report, or an ending, as text for C.

use crate::border::{guarded, put, take};
use crate::report::adieu_report;
use crate::words::adieu_ending;
use adieu::Report;
use std::ffi::{CStr, c_char, c_int};

/// # Safety
///
/// As `put`, and `report` is null or leads to as many bytes as its first field says.
unsafe fn show(
    report: *const adieu_report,
    buffer: *mut c_char,
    size: usize,
    without: &str,
    show: impl Fn(&Report) -> String,
) -> usize {
    let text = guarded(None, || {
        if report.is_null() {
            return None;
        }
        // SAFETY: as the caller promises.
        let report = unsafe { take(report, adieu_report::INIT) }?;
        Some(show(&report.to_rust()?))
    });
    // SAFETY: as the caller promises.
    unsafe { put(text.as_deref().unwrap_or(without), buffer, size) }
}

/// Writes a report as one sentence for people: the ending, then the numbers.
///
/// As with snprintf(), what does not fit into `size` bytes is cut, the text is terminated in any
/// case (if `size` is not 0), and the length of the whole text is returned, without its terminating
/// zero. `text` may be NULL if `size` is 0. The text is UTF-8 in one line; bytes of an address that
/// cannot be printed are escaped. Before the report is filled in, the text is "there is no report".
///
/// Threads: any. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_report_sentence(
    report: *const adieu_report,
    text: *mut c_char,
    size: usize,
) -> usize {
    // SAFETY: the header asks the program for just that.
    unsafe { show(report, text, size, "there is no report", ToString::to_string) }
}

/// Writes a report as JSON in one line: the object that docs/report.schema.json describes, and that
/// the program adieu prints with --report json.
///
/// The length, the cut and the terminating zero are as with adieu_report_sentence(). A report
/// that was not filled in yet gives "null".
///
/// Threads: any. Platforms: all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adieu_report_json(
    report: *const adieu_report,
    text: *mut c_char,
    size: usize,
) -> usize {
    let json = |report: &Report| serde_json::to_string(report).unwrap_or_else(|_| "null".to_owned());
    // SAFETY: the header asks the program for just that.
    unsafe { show(report, text, size, "null", json) }
}

/// The name of an enum adieu_ending: "graceful", "reset", "timed_out", "local_failure",
/// "indeterminate", "no_connection", or "none"; "unknown" for any other number.
///
/// The text is constant and never freed. Threads: any. Platforms: all.
#[unsafe(no_mangle)]
pub extern "C" fn adieu_ending_name(ending: c_int) -> *const c_char {
    name_of_ending(ending).as_ptr()
}

fn name_of_ending(ending: c_int) -> &'static CStr {
    const NAMES: &[(adieu_ending, &CStr)] = &[
        (adieu_ending::None, c"none"),
        (adieu_ending::Graceful, c"graceful"),
        (adieu_ending::Reset, c"reset"),
        (adieu_ending::TimedOut, c"timed_out"),
        (adieu_ending::LocalFailure, c"local_failure"),
        (adieu_ending::Indeterminate, c"indeterminate"),
        (adieu_ending::NoConnection, c"no_connection"),
    ];
    NAMES.iter().find(|(one, _)| *one as c_int == ending).map_or(c"unknown", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::number_of_ending;
    use adieu::{Ending, LocalEnd, Missing, Side, Timer};

    #[test]
    fn endings_have_their_names() {
        let all = [
            Ending::Graceful,
            Ending::Reset { by: Side::Us },
            Ending::TimedOut { timer: Timer::Idle },
            Ending::LocalFailure { end: LocalEnd::Output },
            Ending::Indeterminate { missing: Missing::Cause },
            Ending::NoConnection,
        ];
        for ending in all {
            let number = number_of_ending(ending).expect("it has one");
            assert_eq!(name_of_ending(number).to_str(), Ok(ending.name()));
        }
        assert_eq!((name_of_ending(0), name_of_ending(99)), (c"none", c"unknown"));
    }
}
