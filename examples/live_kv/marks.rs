//! What a node may do with its copy of a shard, and who may change that.
//!
//! The marks are in the file of the shard, so that they change in the same transaction as its rows,
//! and a node that restarts obeys them without asking anybody. Every rule about epochs is here, in
//! functions of the marks alone.

use std::fmt;
use std::str::FromStr;

use shardferry::MigrationId;

use crate::token::Token;

/// What clients get from this copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing: it is being copied here.
    Arriving,
    /// Reads and writes.
    Serving,
    /// Nothing any more: it was copied away, and whether the destination has it only the tracker
    /// knows.
    Fenced,
}

/// The durable marks of one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) role: Role,
    /// The attempt that brought it here; `None`: it was made here.
    pub(crate) came: Option<Token>,
    /// The newest attempt to move it away.
    pub(crate) going: Option<Token>,
}

/// Why the marks do not let somebody do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Another attempt is the current one.
    #[error(
        "the attempt {got} is not the current one, which is {}",
        shown(current)
    )]
    Stale { current: Option<Token>, got: Token },
    /// The copy is not what the step is for.
    #[error("the copy is {role:?} (came {}, going {})", shown(came), shown(going))]
    Role {
        role: Role,
        came: Option<Token>,
        going: Option<Token>,
    },
}

fn shown(token: &Option<Token>) -> String {
    token.map_or("-".to_owned(), |token| token.to_string())
}

impl Marks {
    /// Of a shard that is made here.
    pub(crate) const MADE_HERE: Self = Self {
        role: Role::Serving,
        came: None,
        going: None,
    };

    /// Of a copy that begins to arrive.
    pub(crate) fn arriving(token: Token) -> Self {
        Self {
            role: Role::Arriving,
            came: Some(token),
            going: None,
        }
    }

    /// The refusal of a step that is for another kind of copy.
    pub(crate) fn not_for_this(self) -> Refusal {
        let Self { role, came, going } = self;
        Refusal::Role { role, came, going }
    }

    /// At the destination: a further attempt at the migration that brings this copy.
    pub(crate) fn arrive(self, got: Token) -> Result<Self, Refusal> {
        match (self.role, self.came) {
            (Role::Arriving, Some(came)) if came.migration == got.migration => {
                if came.overtakes(got) {
                    return Err(Refusal::Stale {
                        current: self.came,
                        got,
                    });
                }
                Ok(Self::arriving(got))
            }
            (Role::Arriving | Role::Serving | Role::Fenced, _) => Err(self.not_for_this()),
        }
    }

    /// At the destination: only the attempt that arrived last may add rows.
    pub(crate) fn check_arriving(self, got: Token) -> Result<(), Refusal> {
        match self.role {
            Role::Arriving if self.came == Some(got) => Ok(()),
            Role::Arriving => Err(Refusal::Stale {
                current: self.came,
                got,
            }),
            Role::Serving | Role::Fenced => Err(self.not_for_this()),
        }
    }

    /// At the source: an attempt begins to copy. From here on an older one can neither fence nor
    /// unfence.
    pub(crate) fn leave(self, got: Token) -> Result<Self, Refusal> {
        self.check_going(got)?;
        Ok(Self {
            going: Some(got),
            ..self
        })
    }

    /// At the source: writes stop. Only for the attempt that began to copy last.
    pub(crate) fn fence(self, got: Token) -> Result<Self, Refusal> {
        self.check_going(got)?;
        if self.going != Some(got) {
            return Err(Refusal::Stale {
                current: self.going,
                got,
            });
        }
        Ok(Self {
            role: Role::Fenced,
            ..self
        })
    }

    /// At the source: writes go on. An attempt that finds the fence of an older one takes it away
    /// before it begins to copy, and must leave its own epoch: the older one may still be about to
    /// fence.
    pub(crate) fn unfence(self, got: Token) -> Result<Self, Refusal> {
        self.check_going(got)?;
        if !self.goes_with(got.migration) {
            // No attempt of it can fence, and another migration may be on its way.
            return Ok(self);
        }
        Ok(Self {
            role: Role::Serving,
            going: Some(got),
            ..self
        })
    }

    /// Whether `got` may command the source: it is there, not fenced by another migration, and no
    /// newer attempt was seen.
    fn check_going(self, got: Token) -> Result<(), Refusal> {
        let ours = self.going.filter(|going| going.migration == got.migration);
        if self.role == Role::Arriving || (self.role == Role::Fenced && ours.is_none()) {
            return Err(self.not_for_this());
        }
        match ours {
            Some(going) if going.overtakes(got) => Err(Refusal::Stale {
                current: self.going,
                got,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// At the source: writes are stopped by exactly this attempt, so that what it reads is final.
    pub(crate) fn check_fenced(self, got: Token) -> Result<(), Refusal> {
        match self.role {
            Role::Fenced if self.going == Some(got) => Ok(()),
            Role::Arriving | Role::Serving | Role::Fenced => Err(self.not_for_this()),
        }
    }

    /// At the destination, after the cutover: it serves. The migration has ended, so its epochs no
    /// longer compete.
    pub(crate) fn activate(self, migration: MigrationId) -> Result<Self, Refusal> {
        match self.role {
            Role::Arriving if self.came_with(migration) => Ok(Self {
                role: Role::Serving,
                ..self
            }),
            Role::Arriving | Role::Serving | Role::Fenced => Err(self.not_for_this()),
        }
    }

    /// Whether `migration` brought this copy here.
    pub(crate) fn came_with(self, migration: MigrationId) -> bool {
        self.came.is_some_and(|came| came.migration == migration)
    }

    /// Whether `migration` is the last that began to move it away.
    pub(crate) fn goes_with(self, migration: MigrationId) -> bool {
        self.going.is_some_and(|going| going.migration == migration)
    }
}

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Arriving => "arriving",
            Role::Serving => "serving",
            Role::Fenced => "fenced",
        };
        write!(f, "{role} {} {}", shown(&self.came), shown(&self.going))
    }
}

/// The text is not that of marks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} are no marks")]
pub(crate) struct NoMarks(String);

impl FromStr for Marks {
    type Err = NoMarks;

    fn from_str(text: &str) -> Result<Self, NoMarks> {
        let wrong = || NoMarks(text.to_owned());
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or_else(wrong);
        let role = match next()? {
            "arriving" => Role::Arriving,
            "serving" => Role::Serving,
            "fenced" => Role::Fenced,
            _ => return Err(wrong()),
        };
        let token = |word: &str| match word {
            "-" => Ok(None),
            token => token.parse().map(Some).map_err(|_| wrong()),
        };
        Ok(Self {
            role,
            came: token(next()?)?,
            going: token(next()?)?,
        })
    }
}
