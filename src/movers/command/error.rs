use super::Step;

/// Why a program cannot be a mover as it is described. Nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No program is named.
    #[error("no program is named")]
    NoProgram,
    /// A text that no process can be given.
    #[error("{what} {shown:?} has a zero byte; no process can be given one")]
    ZeroByte {
        /// The program, an argument, a variable.
        what: &'static str,
        /// The text, with the byte escaped.
        shown: String,
    },
    /// A name that no variable can have.
    #[error("{name:?} cannot be a variable of the environment: a name is not empty and has no `=`")]
    BadVariable {
        /// The name.
        name: String,
    },
    /// A variable that the mover sets itself.
    #[error("the variable {name} is set by the mover in each call; name another one")]
    OwnVariable {
        /// The name.
        name: String,
    },
    /// A step that no program can do without.
    #[error("the program does not declare the step {step}: {why}")]
    StepMissing {
        /// The step.
        step: Step,
        /// What would go wrong.
        why: &'static str,
    },
    /// Writes that are stopped have to go on, and the other way round.
    #[error(
        "the program declares the step {declared} without {missing}: writes that the one stops, \
         the other lets go on; declare both or neither"
    )]
    Unpaired {
        /// The step that is there.
        declared: Step,
        /// The step that is not.
        missing: Step,
    },
    /// Limits of a step that is never called.
    #[error("there are time limits for the step {step}, which the program does not declare")]
    LimitsOfNoStep {
        /// The step.
        step: Step,
    },
    /// No time at all.
    #[error("the {which} limit of the step {step} is zero; leave it out, or take it away")]
    NoTime {
        /// The step.
        step: Step,
        /// `idle` or `total`.
        which: &'static str,
    },
}
