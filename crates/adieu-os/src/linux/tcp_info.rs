//! The kernel's `struct tcp_info` as far as we read it, for Android, whose `libc` crate has none.
//!
//! Source: `include/uapi/linux/tcp.h` of Linux. Its fields have the same places on every processor. On other systems it is compiled
//! for its test alone.

/// Up to `tcpi_snd_wnd`, which Linux 5.4 has added. The bit fields are one octet each.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_field_names, reason = "they are the kernel's names")]
pub(super) struct TcpInfo {
    pub(super) tcpi_state: u8,
    tcpi_ca_state: u8,
    pub(super) tcpi_retransmits: u8,
    pub(super) tcpi_probes: u8,
    pub(super) tcpi_backoff: u8,
    pub(super) tcpi_options: u8,
    tcpi_wscales: [u8; 2],
    pub(super) tcpi_rto: u32,
    tcpi_ato: u32,
    tcpi_mss: [u32; 2],
    pub(super) tcpi_unacked: u32,
    tcpi_sacked: u32,
    tcpi_lost: u32,
    tcpi_retrans: u32,
    tcpi_fackets: u32,
    tcpi_last: [u32; 3],
    pub(super) tcpi_last_ack_recv: u32,
    tcpi_pmtu: u32,
    tcpi_rcv_ssthresh: u32,
    pub(super) tcpi_rtt: u32,
    pub(super) tcpi_rttvar: u32,
    tcpi_congestion: [u32; 4],
    tcpi_rcv: [u32; 2],
    pub(super) tcpi_total_retrans: u32,
    tcpi_rates_and_bytes: [u64; 4],
    tcpi_segs_out: u32,
    pub(super) tcpi_segs_in: u32,
    tcpi_notsent_bytes: u32,
    pub(super) tcpi_min_rtt: u32,
    tcpi_data_segs: [u32; 2],
    tcpi_delivery_and_times: [u64; 4],
    tcpi_delivered: [u32; 2],
    tcpi_bytes: [u64; 2],
    tcpi_reordering: [u32; 2],
    tcpi_rcv_ooopack: u32,
    pub(super) tcpi_snd_wnd: u32,
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::TcpInfo;
    use std::mem::offset_of;

    #[test]
    fn its_fields_stand_where_those_of_the_libc_crate_do() {
        macro_rules! same_places {
            ($($field:ident)*) => {
                $(assert_eq!(offset_of!(TcpInfo, $field), offset_of!(libc::tcp_info, $field), stringify!($field));)*
            };
        }
        same_places!(tcpi_state tcpi_retransmits tcpi_probes tcpi_backoff tcpi_options tcpi_rto tcpi_unacked tcpi_last_ack_recv
            tcpi_rtt tcpi_rttvar tcpi_total_retrans tcpi_segs_in tcpi_min_rtt tcpi_snd_wnd);
    }
}
