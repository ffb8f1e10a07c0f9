//! Network namespaces from the inside: links.
//!
//! A new network namespace has a loopback interface that is down, and nothing else; network_namespaces(7).
#![forbid(unsafe_code)]

mod loopback;

pub use loopback::loopback_up;
