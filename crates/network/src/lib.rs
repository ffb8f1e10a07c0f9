//! Network namespaces from the inside: links.
//!
//! A new network namespace has a loopback interface that is down, and nothing else; network_namespaces(7). A device is moved
//! into it from another one by who may change both.
#![forbid(unsafe_code)]

mod links;
mod loopback;
mod message;

pub use links::Links;
pub use loopback::loopback_up;
pub use message::{Address, Link, Message, Said, read_messages};
