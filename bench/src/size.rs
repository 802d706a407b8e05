/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// To see that it works.
    Tiny,
    /// What the targets are about.
    Full,
}

impl Size {
    /// The one or the other.
    pub(crate) fn pick<T>(self, tiny: T, full: T) -> T {
        match self {
            Self::Tiny => tiny,
            Self::Full => full,
        }
    }
}
