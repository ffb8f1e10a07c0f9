//! What is refused: bad input in the form of every error, hostile roots, and ways out of a container.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod contradictions;
mod entering;
mod escapes;
mod hostile;
mod missing;
mod options;
mod room;
mod roots;
