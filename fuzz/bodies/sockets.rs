//! Any octets as the kernel's answer to inet_diag: they are taken without a panic, and a finding agrees with its socket.

use adieu_explain::live::{Dump, Finding, Survey};

pub(crate) fn holds(data: &[u8]) {
    let mut dump = Dump::default();
    let mut survey = Survey::new();
    let mut count = 0_u64;
    let taken = dump.take(data, &mut |socket| {
        count += 1;
        survey.add(&socket);
        let Some(finding) = Finding::of(&socket) else { return };
        assert!(finding.unread <= socket.receive_queue);
        if let (Some(unacknowledged), Some(unsent)) = (finding.unacknowledged, finding.unsent) {
            let fin = u32::from(finding.is_fin_unacknowledged);
            assert_eq!(unacknowledged + unsent + fin, socket.send_queue);
        }
    });
    if taken.is_err() {
        assert!(dump.is_done());
    }
    assert_eq!(survey.total(), count);
    assert!(count * 88 <= data.len() as u64);
    for finding in survey.findings() {
        assert!(!finding.words(survey.owner(finding)).is_empty());
    }
}
