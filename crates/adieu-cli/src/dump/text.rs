//! Bytes as hexadecimal and text, in the forms that people and scripts know.

use std::fmt::Write;

/// As `hexdump -Cv` shows them, from this offset on.
pub(super) fn canonical(out: &mut String, mut offset: u64, bytes: &[u8]) {
    for line in bytes.chunks(16) {
        let hex = halves(line);
        let text: String =
            line.iter().map(|byte| or_dot(*byte, byte.is_ascii_graphic() || *byte == b' ')).collect();
        writeln!(out, "{offset:08x}  {hex:<48}  |{text}|").expect("memory takes it");
        offset += line.len() as u64;
    }
}

/// As the traditional netcat's `-o` has them: `>` is what we sent, and the offset is that of the direction.
pub(super) fn traditional(out: &mut String, sign: char, mut offset: u64, bytes: &[u8]) {
    for line in bytes.chunks(16) {
        let mut hex = String::new();
        for byte in line {
            write!(hex, "{byte:02x} ").expect("memory takes it");
        }
        let text: String =
            line.iter().map(|byte| or_dot(*byte, byte.is_ascii_graphic() || *byte == b' ')).collect();
        // It counts in 32 bits.
        writeln!(out, "{sign} {:08x} {hex:<48}# {text}", offset & 0xffff_ffff).expect("memory takes it");
        offset += line.len() as u64;
    }
}

/// What ncat receives at once.
const NCAT_BLOCK: usize = 8192;

/// As ncat's `-x` has them: no direction, and an offset that begins anew with each block.
pub(super) fn ncat(out: &mut String, bytes: &[u8]) {
    for (number, line) in bytes.chunks(NCAT_BLOCK).flat_map(|block| block.chunks(16).enumerate()) {
        let hex = halves(line);
        let text: String = line.iter().map(|byte| or_dot(*byte, byte.is_ascii_graphic())).collect();
        writeln!(out, "{:04x}   {hex:<48}  {text:<16}", 16 * number).expect("memory takes it");
    }
}

/// Two times eight bytes.
fn halves(line: &[u8]) -> String {
    let mut hex = String::new();
    for (at, byte) in line.iter().enumerate() {
        let gap = match at {
            0 => "",
            8 => "  ",
            _ => " ",
        };
        write!(hex, "{gap}{byte:02x}").expect("memory takes it");
    }
    hex
}

fn or_dot(byte: u8, is_shown: bool) -> char {
    if is_shown { char::from(byte) } else { '.' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        make(&mut out);
        out
    }

    /// What the three programs print of these bytes.
    #[test]
    fn each_form_is_that_of_its_program() {
        let bytes = b"hello\nworld this is";
        assert_eq!(
            made(|out| canonical(out, 0x10, bytes)),
            "00000010  68 65 6c 6c 6f 0a 77 6f  72 6c 64 20 74 68 69 73  |hello.world this|\n\
             00000020  20 69 73                                          | is|\n"
        );
        assert_eq!(
            made(|out| traditional(out, '>', 0, bytes)),
            "> 00000000 68 65 6c 6c 6f 0a 77 6f 72 6c 64 20 74 68 69 73 # hello.world this\n\
             > 00000010 20 69 73                                        #  is\n"
        );
        assert_eq!(
            made(|out| ncat(out, bytes)),
            "0000   68 65 6c 6c 6f 0a 77 6f  72 6c 64 20 74 68 69 73  hello.world.this\n\
             0010   20 69 73                                          .is             \n"
        );
    }
}
