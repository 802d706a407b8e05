use std::process::ExitCode;

/// How the program ends. The numbers are part of the interface (docs/CLI.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is done.
    Success,
    /// Something that should not happen.
    Unexpected,
    /// The command line makes no sense. The same number as the parser's own.
    Usage,
    /// A rule says no.
    Refused,
    /// The database cannot be opened, or a row of it cannot be read.
    Database,
    /// Something is left: unfinished, or failed.
    Unfinished,
    /// Something does not hold: an invariant, or what the demo built.
    Violations,
    /// An input file is wrong.
    Input,
    /// Somebody asked to stop.
    Interrupted,
}

/// The list for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done
    1  unexpected failure
    2  the command line makes no sense
    3  refused by a rule (the shard is migrating already, the node is not its owner, ...)
    4  the database cannot be opened (missing, locked, newer format, damaged, not a database),
       or a row that is needed cannot be read
    5  something is left unfinished, or failed
    6  check, backup or plan --check found violations, a repair left some, or demo found a
       wrong byte
    7  an input file is wrong
  130  interrupted; the same command goes on where it was";

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unexpected => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Database => 4,
            Self::Unfinished => 5,
            Self::Violations => 6,
            Self::Input => 7,
            Self::Interrupted => 130,
        }
    }

    /// What has this number; what has none is unexpected.
    #[must_use]
    pub(crate) fn of_code(code: u8) -> Self {
        let all = [
            Self::Success,
            Self::Unexpected,
            Self::Usage,
            Self::Refused,
            Self::Database,
            Self::Unfinished,
            Self::Violations,
            Self::Input,
            Self::Interrupted,
        ];
        all.into_iter()
            .find(|exit| exit.code() == code)
            .unwrap_or(Self::Unexpected)
    }

    /// The name, for JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Unexpected => "unexpected",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Database => "database",
            Self::Unfinished => "unfinished",
            Self::Violations => "violations",
            Self::Input => "input",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
