//! The identifiers and measures of the format: one newtype each, so that no two are confused.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<u64> for $name {
            fn from(value: u64) -> Self {
                Self(value)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number! {
    /// A node: a place that holds shards (a process, a machine, a disk, a directory).
    NodeId
}
number! {
    /// A shard: the unit that is moved.
    ShardId
}
number! {
    /// The fencing token of a migration. Zero: no executor ever claimed it. Each claim adds one,
    /// and a report that carries an older epoch changes nothing.
    Epoch
}
number! {
    /// The position of an event in the log of the file. The first event is 1.
    EventSeq
}
number! {
    /// Milliseconds since 1970-01-01 UTC, by the clock of the tracker, which never goes back.
    TimestampMs
}
number! {
    /// A replica group: shards of one group hold the same data and must not share a node.
    GroupId
}

/// What is counted on, from one to the next. The upper half of the numbers is never reached by
/// counting, and the last of them has no next: what stands there was not written by a tracker.
const COUNT_END: u64 = 1 << 63;

macro_rules! counted {
    ($($name:ident),*) => {
        $(impl $name {
            /// Whether counting can come here: it is below 2^63.
            #[must_use]
            pub const fn is_reachable(self) -> bool {
                self.0 < COUNT_END
            }
        })*
    };
}

counted!(Epoch, EventSeq, TimestampMs);

impl Epoch {
    /// The epoch of the next claim.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl EventSeq {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl TimestampMs {
    /// This instant plus `ms` milliseconds; stays at the end of time instead of wrapping.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        // On disk 16 bytes without a length; for people (JSON) the hyphenated text.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(&self.0)
                } else {
                    self.0.as_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    Uuid::deserialize(deserializer).map(Self)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(Uuid::from_bytes(bytes)))
                }
            }
        }
    };
}

uuid_id! {
    /// A migration: a UUID of version 7, so that ids sort by the time of their creation.
    MigrationId
}
uuid_id! {
    /// One opening of a database file by one process. An attempt that belongs to an earlier
    /// session is over: the file is locked, so its process has let go of it.
    SessionId
}
uuid_id! {
    /// A database file, from its creation on.
    FileId
}
