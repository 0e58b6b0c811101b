//! Prints `docs/endings-codes.md`, which a test compares with the tables.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(adieu_explain::codes::page().as_bytes())
}
