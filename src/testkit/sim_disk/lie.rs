/// How a disk may fail its users without an error. A test of crashes must notice each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A sync of a file returns before anything is durable. To the program above, it is as if it
    /// acknowledged before its commit.
    SyncsOfFiles,
    /// A sync of a folder does nothing: the names in it are not durable.
    SyncsOfFolders,
}
