//! Texts and bytes with a limit. A value of one of these types has passed its check: there is no
//! other way to make one, and decoding goes through the same check.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A text or byte string that its type does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing was given where something is needed.
    #[error("{what} is empty")]
    Empty {
        /// What was to be named.
        what: &'static str,
    },
    /// More bytes than the format takes.
    #[error("{what} has {len} bytes; at most {max} are possible")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// The length in bytes that was given.
        len: usize,
        /// The longest that is possible.
        max: usize,
    },
    /// A control character, which would break tables, logs and terminals.
    #[error("{what} has a control character at byte {at}")]
    Control {
        /// What was to be named.
        what: &'static str,
        /// The position of the character.
        at: usize,
    },
}

fn check_len(what: &'static str, len: usize, min: usize, max: usize) -> Result<(), TextError> {
    if len < min {
        return Err(TextError::Empty { what });
    }
    if len > max {
        return Err(TextError::TooLong { what, len, max });
    }
    Ok(())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal..=$max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The longest possible text, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// Checks `text`.
            ///
            /// # Errors
            /// [`TextError`] when it is empty, too long, or has a control character.
            pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
                let text = text.into();
                check_len($what, text.len(), $min, $max)?;
                match text.char_indices().find(|(_, c)| c.is_control()) {
                    Some((at, _)) => Err(TextError::Control { what: $what, at }),
                    None => Ok(Self(text)),
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text! {
    /// The name of a node, unique in its file.
    NodeName, "a node name", 1..=255
}
text! {
    /// Where a node is: a directory for the directory mover, a URL or anything else for others.
    Address, "a node address", 1..=4096
}
text! {
    /// A failure domain (rack, zone, region).
    Zone, "a zone", 1..=255
}
text! {
    /// Who drives a migration, for people: host name, thread, process.
    ExecutorName, "an executor name", 1..=128
}
text! {
    /// The caller's own name for a request, so that repeating it changes nothing.
    RequestKey, "a request key", 1..=128
}
text! {
    /// The name of a digest algorithm, for instance `blake3`.
    Algorithm, "an algorithm name", 1..=32
}

/// Why something was done or went wrong, for people. At most 1 KiB: a longer text is cut at a
/// character, and control characters become spaces, because a reason must never be the reason
/// that a failure cannot be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(from = "String")]
pub struct Reason(String);

impl Reason {
    /// The longest reason that is kept, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Keeps the first [`Self::MAX_BYTES`] bytes of `text`.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.contains(char::is_control) {
            text = text.replace(char::is_control, " ");
        }
        let mut end = Self::MAX_BYTES.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether no reason was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> String {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Bytes in the form that serde shows: hexadecimal digits for people.
#[derive(Deserialize)]
struct Bytes(#[serde(with = "crate::hex")] Vec<u8>);

macro_rules! bytes {
    ($(#[$doc:meta])* $name:ident, $what:literal, $min:literal..=$max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "Bytes")]
        pub struct $name(Box<[u8]>);

        impl $name {
            /// The most bytes that are possible.
            pub const MAX_BYTES: usize = $max;

            /// Checks `bytes`.
            ///
            /// # Errors
            /// [`TextError`] when there are too few or too many.
            pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, TextError> {
                let bytes = bytes.into();
                check_len($what, bytes.len(), $min, $max)?;
                Ok(Self(bytes.into_boxed_slice()))
            }

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<Vec<u8>> for $name {
            type Error = TextError;

            fn try_from(bytes: Vec<u8>) -> Result<Self, TextError> {
                Self::new(bytes)
            }
        }

        impl From<$name> for Vec<u8> {
            fn from(value: $name) -> Vec<u8> {
                value.0.into_vec()
            }
        }

        impl TryFrom<Bytes> for $name {
            type Error = TextError;

            fn try_from(bytes: Bytes) -> Result<Self, TextError> {
                Self::new(bytes.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::hex::serialize(&self.0, serializer)
            }
        }

        /// UTF-8 as it is; any other byte as `\xNN`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&escape(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "(\"{}\")"), escape(&self.0))
            }
        }
    };
}

fn escape(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

bytes! {
    /// The name of a shard, unique in its file. Bytes, because a directory entry need not be UTF-8.
    ShardName, "a shard name", 1..=255
}
bytes! {
    /// A bound of a key range, compared byte by byte. Empty: before every other key.
    RangeKey, "a range key", 0..=1024
}
bytes! {
    /// Where a mover stands in its copy. Only the mover reads it.
    Checkpoint, "a checkpoint", 0..=16384
}
bytes! {
    /// A digest of one side of a copy.
    Digest, "a digest", 0..=64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let reason = Reason::new("é".repeat(600));
        assert_eq!(reason.as_str().len(), 1024);
        assert_eq!(
            Reason::new(format!("a{}", "é".repeat(600))).as_str().len(),
            1023
        );
    }

    #[test]
    fn limits_and_control_characters_are_refused_with_both_sides() {
        assert_eq!(
            NodeName::new("").unwrap_err(),
            TextError::Empty {
                what: "a node name"
            }
        );
        assert_eq!(
            NodeName::new("x".repeat(256)).unwrap_err().to_string(),
            "a node name has 256 bytes; at most 255 are possible"
        );
        assert_eq!(
            Zone::new("a\nb").unwrap_err(),
            TextError::Control {
                what: "a zone",
                at: 1
            }
        );
        assert!(Checkpoint::new(vec![0; 16384]).is_ok());
        assert!(Checkpoint::new(vec![0; 16385]).is_err());
    }

    #[test]
    fn names_that_are_not_utf8_are_shown_escaped() {
        let name = ShardName::new(*b"a\xffb\\\n").unwrap();
        assert_eq!(name.to_string(), r"a\xffb\\\n");
    }
}
