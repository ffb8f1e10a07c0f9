//! Values that the command lines of both programs take: each is read from its text once, into a type that holds nothing
//! wrong. Why a text is none is an [`Invalid`], with what to write instead.
#![forbid(unsafe_code)]

mod invalid;
mod signal;

pub use invalid::{Invalid, refused};
pub use signal::SignalNumber;
