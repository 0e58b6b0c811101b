//! Names on the wire: bytes, relative, and nothing that leads out of the target.

pub use adieu::shown;
use std::fmt;

/// How the name of a partial ends; between a dot and this stands the name of the file.
pub const PARTIAL_ENDING: &[u8] = b".adieu-partial";
/// As [`PARTIAL_ENDING`], for a name that would become too long: between stands a hash of it.
pub const PARTIAL_ENDING_LONG: &[u8] = b".adieu-partial-long";

const PATH_LIMIT: usize = 4096;
const COMPONENT_LIMIT: usize = 255;
/// Each component may cost the receiver a directory: a path of one-letter names would make two thousand of them.
const DEPTH_LIMIT: usize = 256;

/// A path of a transfer: one or more components with `/` between them, checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(Vec<u8>);

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty, begins or ends with `/`, or has `//` in it.
    #[error("the name '{}' is absolute or has an empty part", shown(.0))]
    Empty(Vec<u8>),
    /// It has a `.` or `..`.
    #[error("the name '{}' has a part '.' or '..'", shown(.0))]
    Dots(Vec<u8>),
    /// It has a zero byte.
    #[error("the name '{}' has a zero byte", shown(.0))]
    Nul(Vec<u8>),
    /// It, or a component of it, is longer than any file system takes.
    #[error("a name of {0} bytes is too long")]
    TooLong(usize),
    /// It has more components than [`EntryPath`] takes.
    #[error("a name with {0} parts is too deep: at most {DEPTH_LIMIT} are taken")]
    TooDeep(usize),
    /// It is the name of a partial.
    #[error("the name '{}' is kept for files that are not whole yet", shown(.0))]
    Partial(Vec<u8>),
    /// The target of a link leads out, or may.
    #[error("the link '{}' {}", shown(.path), why_out(.target))]
    LinkOut {
        /// The link.
        path: Vec<u8>,
        /// Where it points to.
        target: Vec<u8>,
    },
}

impl EntryPath {
    /// Checks a path.
    ///
    /// # Errors
    ///
    /// It is not one that may be used at a receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// use adieu_transfer::wire::EntryPath;
    ///
    /// assert!(EntryPath::new(b"photos/2024/a.jpg".to_vec()).is_ok());
    /// for wrong in ["", "/etc/passwd", "a//b", "../x", "a/../b", "a/."] {
    ///     assert!(EntryPath::new(wrong.into()).is_err());
    /// }
    /// ```
    pub fn new(path: Vec<u8>) -> Result<Self, NameError> {
        if path.len() > PATH_LIMIT {
            return Err(NameError::TooLong(path.len()));
        }
        let parts = path.split(|b| *b == b'/').count();
        if parts > DEPTH_LIMIT {
            return Err(NameError::TooDeep(parts));
        }
        for component in path.split(|b| *b == b'/') {
            match component {
                b"" => return Err(NameError::Empty(path)),
                b"." | b".." => return Err(NameError::Dots(path)),
                _ if component.contains(&0) => return Err(NameError::Nul(path)),
                _ if component.len() > COMPONENT_LIMIT => return Err(NameError::TooLong(component.len())),
                _ if component.ends_with(PARTIAL_ENDING) || component.ends_with(PARTIAL_ENDING_LONG) => {
                    return Err(NameError::Partial(path));
                }
                _ => {}
            }
        }
        Ok(Self(path))
    }

    /// One component below this path.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn join(&self, component: &[u8]) -> Result<Self, NameError> {
        Self::new([&self.0, &b"/"[..], component].concat())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory, which is empty for a single component, and the last component.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match self.0.iter().rposition(|b| *b == b'/') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (&[], &self.0),
        }
    }

    /// How many directories it is below the target.
    pub fn depth(&self) -> usize {
        self.0.split(|b| *b == b'/').count() - 1
    }

    /// Whether it is in that directory, or in one below it.
    pub fn is_below(&self, directory: &Self) -> bool {
        self.0.strip_prefix(&*directory.0).is_some_and(|rest| rest.starts_with(b"/"))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// Whether a link at `path` cannot lead out of `top`, the directory that was named to be sent: it is relative, with `..` only
/// at the beginning, and no more of them than the link is below `top`.
///
/// A `..` behind a name is refused even where it seems harmless: the name may be another link, and what is above of where
/// that leads is not what is above of its name.
pub fn link_stays_inside(top: &EntryPath, path: &EntryPath, target: &[u8]) -> bool {
    if !path.is_below(top) {
        return false;
    }
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) || target.len() > PATH_LIMIT {
        return false;
    }
    let mut ups = 0;
    let mut named = false;
    for component in target.split(|b| *b == b'/') {
        match component {
            b".." if named => return false,
            b".." => ups += 1,
            b"" | b"." => {}
            _ => named = true,
        }
    }
    ups < path.depth() - top.depth()
}

/// What [`link_stays_inside`] refuses in a target.
fn why_out(target: &[u8]) -> String {
    let points = format!("points to '{}'", shown(target));
    let mut named = false;
    let is_behind_a_name = target.split(|b| *b == b'/').any(|component| {
        named |= !matches!(component, b"" | b"." | b"..");
        named && component == b".."
    });
    match target {
        b"" => "has an empty target".to_owned(),
        _ if target.contains(&0) => format!("{points}, which has a zero byte"),
        _ if target.len() > PATH_LIMIT => {
            format!("has a target of {} bytes, which is too long", target.len())
        }
        [b'/', ..] => format!("{points}, which is absolute, so out of the directory that is sent"),
        _ if is_behind_a_name => {
            format!(
                "{points}: a '..' behind a name may lead out of the directory that is sent, if that is a link too"
            )
        }
        _ => format!("{points}, out of the directory that is sent"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::new(text.into()).expect("a good path")
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        for wrong in ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b", "a\0b"] {
            assert!(EntryPath::new(wrong.into()).is_err(), "{wrong:?}");
        }
        assert!(EntryPath::new(vec![b'a'; 256]).is_err());
        assert!(EntryPath::new([&[b'a'; 200][..]; 30].join(&b'/')).is_err());
        assert!(EntryPath::new(b"d/.x.adieu-partial".to_vec()).is_err());
    }

    #[test]
    fn any_other_bytes_are_a_name() {
        for right in [&b"a"[..], b"a b/c\nd", b"\xff\xfe", b"...", b"-rf", b" ", b"a\\b"] {
            let path = EntryPath::new(right.to_vec()).expect("a good path");
            assert_eq!(path.as_bytes(), right);
        }
        assert_eq!(path("a/b/c").split(), (&b"a/b"[..], &b"c"[..]));
        assert_eq!(path("c").split(), (&b""[..], &b"c"[..]));
    }

    #[test]
    fn a_link_may_point_only_inside() {
        for (top, link, target, inside) in [
            ("t", "t/l", "a", true),
            ("t", "t/l", "a/b/./c", true),
            ("t", "t/l", ".", true),
            // Beside what is sent, and so out of it.
            ("t", "t/l", "../a", false),
            ("t", "t/l", "..", false),
            ("t", "t/d/l", "..", true),
            ("t", "t/d/l", "../a", true),
            ("t", "t/d/l", "../../a", false),
            ("t", "t/x/y/l", "../../a", true),
            // What is above a directory of a longer name is not sent.
            ("x/t", "x/t/l", "../a", false),
            ("x/t", "x/t/d/l", "../a", true),
            ("x/t", "x/t/d/l", "../../a", false),
            // Harmless by its words, but `l` may be a link to the top: then this is above it.
            ("t", "t/m", "x/y/l/../..", false),
            ("t", "t/l", "/etc", false),
            ("t", "t/l", "", false),
            // Not in the directory that was named.
            ("t", "l", "a", false),
            ("t", "tt/l", "a", false),
        ] {
            let inside_now = link_stays_inside(&path(top), &path(link), target.as_bytes());
            assert_eq!(inside_now, inside, "{link} -> {target}, in {top}");
        }
    }

    #[test]
    fn a_name_that_is_too_deep_is_refused_and_the_refusal_names_the_limit() {
        assert!(EntryPath::new([&b"a"[..]; 256].join(&b'/')).is_ok());
        let error = EntryPath::new([&b"a"[..]; 257].join(&b'/')).expect_err("it is too deep");
        assert_eq!(error.to_string(), "a name with 257 parts is too deep: at most 256 are taken");
    }

    #[test]
    fn why_a_link_is_refused_is_true() {
        for (target, why) in [
            ("../../f", "the link 't/l' points to '../../f', out of the directory that is sent"),
            (
                "deep/../f",
                "the link 't/l' points to 'deep/../f': a '..' behind a name may lead out of the directory that is sent, if that is a link too",
            ),
            ("/f", "the link 't/l' points to '/f', which is absolute, so out of the directory that is sent"),
            ("", "the link 't/l' has an empty target"),
        ] {
            let error = NameError::LinkOut { path: b"t/l".to_vec(), target: target.into() };
            assert!(!link_stays_inside(&path("t"), &path("t/l"), target.as_bytes()), "{target}");
            assert_eq!(error.to_string(), why);
        }
    }
}
