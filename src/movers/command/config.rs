//! A mover as it is written down, in TOML or any other format that serde reads.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{CommandError, CommandMover, Limits, Step};

/// A [`CommandMover`] in a file: `docs/MOVERS.md` has every key.
///
/// ```
/// use shardferry::movers::command::CommandConfig;
///
/// let config: CommandConfig = serde_json::from_str(
///     r#"{"program": "rsync.py",
///         "steps": ["copy", "verify", "activate", "release_source", "discard_destination"],
///         "limits": {"copy": {"idle_seconds": 60, "total_seconds": "none"}}}"#,
/// )?;
/// let mover = config.build()?;
/// # drop(mover);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub program: String,
    /// Its arguments, as they are.
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables of its environment, besides those of the process.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The steps that it has.
    pub steps: Vec<Step>,
    /// How long a step may take.
    #[serde(default)]
    pub limits: BTreeMap<Step, LimitsConfig>,
    /// How long a program that was told to end may go on before it is killed.
    pub grace_seconds: Option<u64>,
}

/// [`Limits`] in a file. What is not said is as in [`Limits::of`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// [`Limits::idle`].
    pub idle_seconds: Option<Limit>,
    /// [`Limits::total`].
    pub total_seconds: Option<Limit>,
}

/// A number of seconds, or `"none"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So long.
    Seconds(NonZeroU64),
    /// As long as it likes.
    None,
}

impl CommandConfig {
    /// The mover that this describes.
    ///
    /// # Errors
    /// [`CommandError`]: why no program can be a mover with this description.
    pub fn build(&self) -> Result<CommandMover, CommandError> {
        let mut builder = CommandMover::builder(&self.program)
            .args(&self.args)
            .steps(self.steps.iter().copied());
        for (name, value) in &self.env {
            builder = builder.env(name, value);
        }
        for (&step, limits) in &self.limits {
            builder = builder.limits(step, limits.over(Limits::of(step)));
        }
        if let Some(grace) = self.grace_seconds {
            builder = builder.grace(Duration::from_secs(grace));
        }
        builder.build()
    }
}

impl LimitsConfig {
    fn over(&self, base: Limits) -> Limits {
        let pick = |said: Option<Limit>, base| said.map_or(base, Limit::duration);
        Limits {
            idle: pick(self.idle_seconds, base.idle),
            total: pick(self.total_seconds, base.total),
        }
    }
}

impl Limit {
    fn duration(self) -> Option<Duration> {
        match self {
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds.get())),
            Self::None => None,
        }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl Visitor {
            fn seconds<E: de::Error>(number: u64) -> Result<Limit, E> {
                NonZeroU64::new(number).map(Limit::Seconds).ok_or_else(|| {
                    E::custom("a limit of 0 seconds leaves no time; say \"none\" for no limit")
                })
            }
        }

        impl de::Visitor<'_> for Visitor {
            type Value = Limit;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number of seconds, or \"none\"")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Limit, E> {
                Self::seconds(number)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit, E> {
                let unexpected = de::Unexpected::Signed(number);
                let number = u64::try_from(number);
                Self::seconds(number.map_err(|_| E::invalid_value(unexpected, &self))?)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                match text {
                    "none" => Ok(Limit::None),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
