//! What the public interface cannot bring about: other file systems and other handles.

mod ballast;
mod gate;
pub(super) mod rows;
