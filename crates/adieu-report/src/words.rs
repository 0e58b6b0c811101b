//! A sentence that may name settings, so that each program can call a setting as its own users do.
//!
//! A library has fields and methods, a command line has options, a C interface has functions: the advice "give another server
//! name" is the same in all of them, and the name of the setting is not. A sentence therefore keeps where it names which
//! setting. Nobody has to look for words in a finished text.

use std::ops::{Add, Deref, Range};
use std::{fmt, mem};

/// A setting that a sentence can name: something that a user can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// The fingerprint of the one certificate that is accepted.
    Pin,
    /// The roots that the peer's certificate is checked against.
    Roots,
    /// The roots that a client's certificate is checked against.
    ClientRoots,
    /// The roots that the proxy's certificate is checked against.
    ProxyRoots,
    /// The name that the peer's certificate must be for.
    ServerName,
    /// A side's own certificate with its key.
    Identity,
    /// The oldest version of TLS that is spoken.
    LeastVersion,
    /// The protocols that are offered (ALPN).
    Alpn,
    /// The idle timeout.
    IdleTimeout,
    /// The connect timeout.
    ConnectTimeout,
}

impl Setting {
    /// Every setting.
    pub const ALL: &'static [Self] = &[
        Self::Pin,
        Self::Roots,
        Self::ClientRoots,
        Self::ProxyRoots,
        Self::ServerName,
        Self::Identity,
        Self::LeastVersion,
        Self::Alpn,
        Self::IdleTimeout,
        Self::ConnectTimeout,
    ];

    /// The setting's name for whom nobody calls it otherwise, with its article.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pin => "the pin",
            Self::Roots => "your own roots",
            Self::ClientRoots => "roots for clients",
            Self::ProxyRoots => "roots for the proxy",
            Self::ServerName => "the server name",
            Self::Identity => "a certificate and its key",
            Self::LeastVersion => "the least TLS version",
            Self::Alpn => "our ALPN",
            Self::IdleTimeout => "the idle timeout",
            Self::ConnectTimeout => "the connect timeout",
        }
    }
}

/// A sentence, or a part of one, that knows where it names a [`Setting`].
///
/// It is a text, and can be used as one. [`called`](Self::called) calls the settings otherwise.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Words {
    text: String,
    /// Where the settings are named, from the left to the right.
    settings: Vec<(Range<usize>, Setting)>,
}

impl Words {
    /// The settings that it names, from the left to the right.
    pub fn settings(&self) -> impl Iterator<Item = Setting> {
        self.settings.iter().map(|(_, setting)| *setting)
    }

    /// The same sentence with other names for the settings. The new one knows its settings too.
    #[must_use]
    pub fn called(&self, name: impl Fn(Setting) -> &'static str) -> Self {
        let mut called = Self::default();
        let mut end = 0;
        for (place, setting) in &self.settings {
            called.text += &self.text[end..place.start];
            called.push_setting(*setting, name(*setting));
            end = place.end;
        }
        called.text += &self.text[end..];
        called
    }

    fn push_setting(&mut self, setting: Setting, name: &str) {
        let start = self.text.len();
        self.text += name;
        self.settings.push((start..self.text.len(), setting));
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self { text, settings: Vec::new() }
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Setting> for Words {
    fn from(setting: Setting) -> Self {
        let mut words = Self::default();
        words.push_setting(setting, setting.name());
        words
    }
}

impl<T: Into<Self>> Add<T> for Words {
    type Output = Self;

    fn add(mut self, rest: T) -> Self {
        let mut rest = rest.into();
        let by = self.text.len();
        self.text += &rest.text;
        for (place, setting) in mem::take(&mut rest.settings) {
            self.settings.push((place.start + by..place.end + by, setting));
        }
        self
    }
}

impl Deref for Words {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// As its text.
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_told_with_the_names_that_its_reader_knows() {
        let words =
            Words::from("give it ") + Setting::Identity + ", or " + (Words::from("use ") + Setting::Pin);
        assert_eq!(words.to_string(), "give it a certificate and its key, or use the pin");
        let called = words.called(|setting| if setting == Setting::Pin { "--pin" } else { "--cert" });
        assert_eq!(&*called, "give it --cert, or use --pin");
        assert!(called.settings().eq([Setting::Identity, Setting::Pin]));
        assert_eq!(called.called(Setting::name), words);
    }

    #[test]
    fn a_text_without_settings_stays_as_it_is() {
        let words = Words::from("--pin is no setting here");
        assert_eq!((words.called(|_| "x"), words.settings().count()), (words.clone(), 0));
    }
}
