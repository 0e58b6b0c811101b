//! Any bytes as a peer's side of a transfer: cut into frames the same way in whatever pieces they come, and what was
//! understood can be said again.

use adieu_transfer::wire::{Control, Decoder, HELLO_PREFIX, Hello, Item};

/// What is decoded, with neighbouring pieces of content made one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Control(Control),
    Data(Vec<u8>),
}

pub(crate) fn decode(stream: &[u8], pieces: usize) -> Result<Vec<Decoded>, String> {
    let mut decoder = Decoder::default();
    let mut all: Vec<Decoded> = Vec::new();
    for mut piece in stream.chunks(pieces) {
        while let Some(item) = decoder.next(&mut piece).map_err(|e| e.to_string())? {
            match (item, all.last_mut()) {
                (Item::Data(more), Some(Decoded::Data(data))) => data.extend(more),
                (Item::Data(data), _) => all.push(Decoded::Data(data.to_vec())),
                (Item::Control(control), _) => all.push(Decoded::Control(control)),
            }
        }
        assert!(piece.is_empty(), "it takes all or wants more");
    }
    if decoder.is_between_frames() { Ok(all) } else { Err("cut".into()) }
}

/// A frame that was understood is understood again.
fn can_be_said_again(control: &Control) {
    let mut frame = Vec::new();
    control.encode(&mut frame);
    let again = decode(&frame, usize::MAX);
    // Words may be shortened.
    match control {
        Control::Abort { .. } | Control::Receipt(_) => assert!(again.is_ok_and(|all| all.len() == 1)),
        _ => assert!(
            matches!(again.as_deref(), Ok([Decoded::Control(same)]) if same == control),
            "{control:?}: {again:?}"
        ),
    }
}

/// The first byte says how large the pieces are.
pub(crate) fn holds(data: &[u8]) {
    let Some((pieces, stream)) = data.split_first() else { return };
    if let Some((prefix, rest)) = stream.split_first_chunk::<HELLO_PREFIX>() {
        let length = Hello::rest_of(prefix);
        if let Some(hello) = length.and_then(|length| rest.get(..length)).and_then(Hello::parse) {
            assert_eq!(Hello::parse(&hello.encode()[HELLO_PREFIX..]), Some(hello));
        }
    }
    let whole = decode(stream, usize::MAX);
    assert_eq!(whole, decode(stream, usize::from(*pieces).max(1)));
    for item in whole.into_iter().flatten() {
        if let Decoded::Control(control) = item {
            can_be_said_again(&control);
        }
    }
}
