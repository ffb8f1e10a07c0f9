//! Images and layers made by hand and by other programs, good and hostile ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(missing_docs, unreachable_pub)]

mod archives;
mod common;
mod escape;
mod foreign;
mod hostile;
mod layers;
mod resolve;
mod stacks;
mod user_namespace;
