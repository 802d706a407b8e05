//! What the program says: lines of JSON on its stdout.

use serde::Deserialize;

use super::Step;
use super::object::Object;
use crate::schema::text::{Algorithm, Digest};
use crate::schema::v1::{FailureClass, Side};

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Message {
    Progress {
        bytes: u64,
        #[serde(default)]
        bytes_total: Option<u64>,
        #[serde(default)]
        wait: bool,
    },
    Checkpoint {
        cursor: String,
        bytes: u64,
        #[serde(default)]
        bytes_total: Option<u64>,
        #[serde(default)]
        wait: bool,
    },
    Throttle {
        bytes: u64,
    },
    CaughtUp {
        again: bool,
    },
    Verified {
        bytes: u64,
        bytes_total: u64,
        #[serde(default)]
        wait: bool,
    },
    Evidence {
        algorithm: Algorithm,
        source: Object<OneSide>,
        destination: Object<OneSide>,
    },
    Error {
        class: Class,
        message: String,
        #[serde(default)]
        from_scratch: bool,
    },
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneSide {
    items: u64,
    bytes: u64,
    digest: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    Retriable,
    Permanent,
    Unknown,
}

impl Message {
    /// Reads one line.
    pub(super) fn read(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line).map(|Object(message)| message)
    }

    /// Its name in the protocol.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Progress { .. } => "progress",
            Self::Checkpoint { .. } => "checkpoint",
            Self::Throttle { .. } => "throttle",
            Self::CaughtUp { .. } => "caught_up",
            Self::Verified { .. } => "verified",
            Self::Evidence { .. } => "evidence",
            Self::Error { .. } => "error",
        }
    }

    /// Whether it means something in `step`.
    pub(super) fn belongs_to(&self, step: Step) -> bool {
        match self {
            Self::Progress { .. } | Self::Checkpoint { .. } => {
                matches!(step, Step::Copy | Step::CatchUp)
            }
            Self::Throttle { .. } => matches!(step, Step::Copy | Step::CatchUp | Step::Verify),
            Self::CaughtUp { .. } => step == Step::CatchUp,
            Self::Verified { .. } | Self::Evidence { .. } => step == Step::Verify,
            Self::Error { .. } => true,
        }
    }
}

impl From<Object<OneSide>> for Side {
    fn from(Object(side): Object<OneSide>) -> Self {
        Self {
            items: side.items,
            bytes: side.bytes,
            digest: side.digest,
        }
    }
}

impl From<Class> for FailureClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Retriable => Self::Retriable,
            Class::Permanent => Self::Permanent,
            Class::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Message, String> {
        Message::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_kind_is_read() {
        for (text, kind) in [
            (
                r#"{"type":"progress","bytes":18446744073709551615}"#,
                "progress",
            ),
            (
                r#"{"bytes":0,"bytes_total":null,"wait":true,"type":"progress"}"#,
                "progress",
            ),
            (
                r#"{"type":"checkpoint","cursor":"","bytes":1,"bytes_total":2}"#,
                "checkpoint",
            ),
            (r#"{"type":"throttle","bytes":1}"#, "throttle"),
            (r#"{"type":"caught_up","again":false}"#, "caught_up"),
            (
                r#"{"type":"verified","bytes":1,"bytes_total":2}"#,
                "verified",
            ),
            (
                r#"{"type":"evidence","algorithm":"sha256",
                    "source":{"items":1,"bytes":2,"digest":"00ff"},
                    "destination":{"items":1,"bytes":2,"digest":""}}"#,
                "evidence",
            ),
            (
                r#"{"type":"error","class":"unknown","message":"x","from_scratch":true}"#,
                "error",
            ),
        ] {
            assert_eq!(read(text).map(|message| message.kind()), Ok(kind), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_protocol_is_refused() {
        for (text, why) in [
            (r#"{"type":"hello"}"#, "unknown variant `hello`"),
            (r#"{"bytes":1}"#, "missing field `type`"),
            (
                r#"{"type":"progress","bytes":1,"percent":3}"#,
                "unknown field `percent`",
            ),
            (
                r#"{"type":"progress","bytes":1,"bytes":2}"#,
                "duplicate field",
            ),
            (
                r#"{"type":"progress","type":"error","bytes":1}"#,
                "duplicate field",
            ),
            (r#"{"type":"progress","bytes":-1}"#, "-1"),
            (r#"{"type":"progress","bytes":1.5}"#, "1.5"),
            (
                r#"{"type":"progress","bytes":18446744073709551616}"#,
                "invalid type",
            ),
            (r#"{"type":"progress"}"#, "missing field `bytes`"),
            (
                r#"{"type":"throttle","bytes":1,"wait":true}"#,
                "unknown field `wait`",
            ),
            (r#"{"type":"progress","bytes":1} x"#, "trailing characters"),
            ("[1]", "expected an object"),
            (r#"["throttle", 5]"#, "expected an object"),
            ("7", "expected an object"),
            ("", "EOF"),
            (
                r#"{"type":"evidence","algorithm":"x","source":[1,2,"00"],
                    "destination":{"items":1,"bytes":2,"digest":"00"}}"#,
                "expected an object",
            ),
            (
                r#"{"type":"evidence","algorithm":"","source":{"items":1,"bytes":2,"digest":"00"},
                    "destination":{"items":1,"bytes":2,"digest":"00"}}"#,
                "an algorithm name is empty",
            ),
            (
                r#"{"type":"evidence","algorithm":"x","source":{"items":1,"bytes":2,"digest":"0"},
                    "destination":{"items":1,"bytes":2,"digest":"00"}}"#,
                "pairs of hexadecimal digits",
            ),
            (
                r#"{"type":"evidence","algorithm":"x",
                    "source":{"items":1,"bytes":2,"digest":"00","salt":1},
                    "destination":{"items":1,"bytes":2,"digest":"00"}}"#,
                "unknown field `salt`",
            ),
            (
                r#"{"type":"error","class":"fatal","message":"x"}"#,
                "unknown variant `fatal`",
            ),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
