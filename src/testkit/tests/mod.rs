//! What the public interface cannot bring about: others at work in the same instant.

mod creation;
mod log_failure;
